import type { Happening } from '../api/shapes';
import type { Place } from './shapes';

/** Of what happened to a service that which matters in an environment, without the run that one looks at. */
export function inPlace(happenings: readonly Happening[], { environment }: Place, run?: string): Happening[] {
  return happenings.filter((happening) => {
    switch (happening.what) {
      case 'health':
      case 'fact':
        return happening.environment === environment;
      case 'run':
        return happening.run.id !== run;
      case 'firing':
        return true;
    }
  });
}

/** What is told in one line: one happening, or the facts that a collector saw for the first time. */
export interface Told {
  at: string;
  first: Happening;
  /** Keys of facts that were seen first, if there are several. */
  seen: string[];
}

/** A collector that looks for the first time sees many facts at once, and none of them is a change. */
export function told(happenings: readonly Happening[]): Told[] {
  const all: Told[] = [];
  for (const happening of happenings) {
    const last = all.at(-1);
    const isNew = isFirstSight(happening);
    if (last !== undefined && isNew && isFirstSight(last.first) && last.at === happening.at) {
      last.seen.push(happening.key);
    } else {
      all.push({ at: happening.at, first: happening, seen: isNew ? [happening.key] : [] });
    }
  }
  return all;
}

function isFirstSight(happening: Happening): happening is Extract<Happening, { what: 'fact' }> {
  return happening.what === 'fact' && (happening.previous ?? null) === null && (happening.value ?? null) !== null;
}
