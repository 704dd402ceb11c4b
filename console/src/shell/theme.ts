import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const KEY = 'signalbox.theme';
const DARK_CLASS = 'pf-v6-theme-dark';
const system = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function systemTheme(): Theme {
  return system.matches ? 'dark' : 'light';
}

function chosen(): Theme | null {
  try {
    const value = window.localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : null;
  } catch {
    return null;
  }
}

export function currentTheme(): Theme {
  return chosen() ?? systemTheme();
}

export function applyTheme(): void {
  const theme = currentTheme();
  document.documentElement.classList.toggle(DARK_CLASS, theme === 'dark');
  document.documentElement.style.colorScheme = theme;
  for (const listener of listeners) {
    listener();
  }
}

/** The other theme; where that is the system's own, the system is followed again. */
export function toggleTheme(): void {
  const next: Theme = currentTheme() === 'dark' ? 'light' : 'dark';
  try {
    if (next === systemTheme()) {
      window.localStorage.removeItem(KEY);
    } else {
      window.localStorage.setItem(KEY, next);
    }
  } catch {
    // Without storage the system's theme is all there is.
  }
  applyTheme();
}

system.addEventListener('change', applyTheme);
window.addEventListener('storage', (event) => {
  if (event.key === KEY) {
    applyTheme();
  }
});

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, currentTheme);
}
