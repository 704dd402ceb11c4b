/** Where the pages of a project are. */
export function projectPath(project: string, ...parts: string[]): string {
  return ['/p', project, ...parts].map((part, at) => (at === 0 ? part : encodeURIComponent(part))).join('/');
}

export function servicePath(project: string, service: string, environment?: string | null): string {
  const path = projectPath(project, 'services', service);
  return environment ? `${path}?environment=${encodeURIComponent(environment)}` : path;
}

/** The address of the API with what is on screen. */
export function apiPath(project: string, ...parts: string[]): string {
  return `/api/v1${projectPath(project, ...parts).replace(/^\/p\//, '/projects/')}`;
}
