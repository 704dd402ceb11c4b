import type { Happening, HealthChangeView } from '../../api/shapes';

/** One for each kind of what happens, from above. */
export const LANES = ['run', 'health', 'fact', 'firing'] as const;
export type Lane = (typeof LANES)[number];

export const LANE_NAMES: Record<Lane, string> = {
  run: 'Runs',
  health: 'Health',
  fact: 'Facts',
  firing: 'Not started',
};

/** The most of one kind that the server answers with. */
const MOST = 200;

export type RunHappening = Extract<Happening, { what: 'run' }>;
export type HealthHappening = Extract<Happening, { what: 'health' }>;
export type FactHappening = Extract<Happening, { what: 'fact' }>;
export type FiringHappening = Extract<Happening, { what: 'firing' }>;

/** Its own name among others. */
export function keyOf(happening: Happening): string {
  const { at, service } = happening;
  switch (happening.what) {
    case 'run':
      return `run ${happening.run.id}`;
    case 'health':
      return `health ${at} ${service} ${happening.environment}`;
    case 'fact':
      return `fact ${at} ${service} ${happening.environment} ${happening.target ?? ''} ${happening.key}`;
    case 'firing':
      return `firing ${at} ${happening.schedule}`;
  }
}

/** What belongs to an environment; a run, and an instant of a schedule, may belong to any. */
export function inEnvironment(happenings: Happening[], environment: string | null): Happening[] {
  return happenings.filter(
    (happening) => environment === null || !('environment' in happening) || happening.environment === environment,
  );
}

export function byLane(happenings: Happening[]): Record<Lane, Happening[]> {
  const lanes: Record<Lane, Happening[]> = { run: [], health: [], fact: [], firing: [] };
  for (const happening of happenings) {
    lanes[happening.what].push(happening);
  }
  return lanes;
}

/** Kinds of which there are more than the server answers with. */
export function cutLanes(lanes: Record<Lane, Happening[]>): Lane[] {
  return LANES.filter((lane) => lanes[lane].length >= MOST);
}

/** The run that it is, or that showed it, if one is known. */
export function runOf(happening: Happening, changes: HealthChangeView[]): string | null {
  switch (happening.what) {
    case 'run':
      return happening.run.id;
    case 'fact':
      return happening.run;
    case 'health': {
      const same = changes.find(({ at, environment }) => at === happening.at && environment === happening.environment);
      return same?.run ?? null;
    }
    case 'firing':
      return null;
  }
}
