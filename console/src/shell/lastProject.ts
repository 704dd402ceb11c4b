const KEY = 'signalbox.project';

/** The project that somebody looked at last in this browser, to begin with it next time. */
export function lastProject(): string | null {
  try {
    return window.localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function rememberProject(project: string): void {
  try {
    window.localStorage.setItem(KEY, project);
  } catch {
    // The first project will do.
  }
}
