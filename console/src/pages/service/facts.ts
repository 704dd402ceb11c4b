import type { ComparedWith } from '../../api/queries';

/** With what facts are compared, as the address says it. */
export function comparedFrom(query: URLSearchParams): ComparedWith | null {
  const against = query.get('against');
  const at = query.get('at');
  if (against) {
    return { against };
  }
  return at !== null && !Number.isNaN(Date.parse(at)) ? { at } : null;
}

export function withCompared(query: URLSearchParams, other: ComparedWith | null): URLSearchParams {
  const next = new URLSearchParams(query);
  next.delete('at');
  next.delete('against');
  for (const [name, value] of Object.entries(other ?? {})) {
    next.set(name, value);
  }
  return next;
}

/** Things by their environment, in the order of the environments; those of an environment that the service has left come last. */
export function byEnvironment<T extends { environment: string }>(items: T[], environments: string[]): [string, T[]][] {
  const groups = new Map<string, T[]>(environments.map((environment) => [environment, []]));
  for (const item of items) {
    const group = groups.get(item.environment);
    if (group === undefined) {
      groups.set(item.environment, [item]);
    } else {
      group.push(item);
    }
  }
  return [...groups].filter(([, group]) => group.length > 0);
}
