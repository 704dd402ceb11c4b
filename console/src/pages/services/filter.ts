import type { EnvironmentHealth, Health, Lifecycle, ServiceFilter, ServiceSummary } from '../../api/shapes';
import { HEALTHS, badness } from '../../show/healthWords';
import { hasWords } from '../../show/words';

export const LIFECYCLES: readonly Lifecycle[] = ['experimental', 'production', 'deprecated'];

export const ALL_SERVICES: ServiceFilter = { healths: [], team: null, environment: null, lifecycle: null, text: '' };

/** The filter that an address says; words it does not know are passed over. */
export function filterFrom(query: URLSearchParams): ServiceFilter {
  const words = (query.get('health') ?? '').split(',');
  return {
    healths: HEALTHS.filter((health) => words.includes(health)),
    team: query.get('team') || null,
    environment: query.get('environment') || null,
    lifecycle: LIFECYCLES.find((each) => each === query.get('lifecycle')) ?? null,
    text: query.get('q') ?? '',
  };
}

export function toQuery({ healths, team, environment, lifecycle, text }: ServiceFilter): URLSearchParams {
  const query = new URLSearchParams();
  const said = { health: healths.join(','), team, environment, lifecycle, q: text };
  for (const [name, value] of Object.entries(said)) {
    if (value) {
      query.set(name, value);
    }
  }
  return query;
}

export function toggled(healths: Health[], health: Health): Health[] {
  return HEALTHS.filter((each) => (each === health ? !healths.includes(each) : healths.includes(each)));
}

/** A service as a list shows it: as it is in the environment that one looks at, or where it is worst. */
export interface ServiceRow {
  service: ServiceSummary;
  here: EnvironmentHealth;
}

function worst(environments: EnvironmentHealth[]): EnvironmentHealth | undefined {
  return environments.reduce<EnvironmentHealth | undefined>(
    (known, next) => (known === undefined || badness(next.health) > badness(known.health) ? next : known),
    undefined,
  );
}

function hasHealth({ service, here }: ServiceRow, health: Health, filter: ServiceFilter): boolean {
  return filter.environment === null
    ? service.environments.some((known) => known.health === health)
    : here.health === health;
}

export interface Found {
  /** Worst first, as the server sorts them. */
  rows: ServiceRow[];
  /** How many would be shown for each state, if it were chosen. */
  counts: Record<Health, number>;
}

/** What a filter leaves of the services. */
export function findServices(services: ServiceSummary[], filter: ServiceFilter): Found {
  const { environment, team, lifecycle, text } = filter;
  const all = services.flatMap((service): ServiceRow[] => {
    const here =
      environment === null
        ? worst(service.environments)
        : service.environments.find((known) => known.environment === environment);
    const { name, title, owner, operator } = service;
    const fits =
      (team === null || owner === team || operator === team) &&
      (lifecycle === null || service.lifecycle === lifecycle) &&
      hasWords([name, title, owner, operator], text);
    return here !== undefined && fits ? [{ service, here }] : [];
  });
  if (environment !== null) {
    // Those of the same state keep the server's order.
    all.sort((a, b) => badness(b.here.health) - badness(a.here.health));
  }
  const count = (health: Health): number => all.filter((row) => hasHealth(row, health, filter)).length;
  const rows = all.filter(
    (row) => filter.healths.length === 0 || filter.healths.some((health) => hasHealth(row, health, filter)),
  );
  return {
    rows,
    counts: {
      bad: count('bad'),
      data_error: count('data_error'),
      stale: count('stale'),
      unknown: count('unknown'),
      degraded: count('degraded'),
      ok: count('ok'),
    },
  };
}

/** All environments, those with the most services first. */
export function environmentsOf(services: ServiceSummary[]): string[] {
  const counts = new Map<string, number>();
  for (const { environment } of services.flatMap((service) => service.environments)) {
    counts.set(environment, (counts.get(environment) ?? 0) + 1);
  }
  return [...counts].toSorted(([a, n], [b, m]) => m - n || a.localeCompare(b)).map(([environment]) => environment);
}

/** All teams that own or operate one of them. */
export function teamsOf(services: ServiceSummary[]): string[] {
  const teams = services.flatMap(({ owner, operator }) => [owner, operator]).filter((team) => typeof team === 'string');
  return [...new Set(teams)].toSorted();
}
