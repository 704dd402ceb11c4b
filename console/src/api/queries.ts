import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { answer, api } from './client';
import { serverNow } from '../live/clock';
import { latestRuns } from '../live/latest';
import { newerView } from '../live/reduce';
import type {
  FactsDiff,
  FactsView,
  Happening,
  HealthHistory,
  InventorySummary,
  InventoryView,
  Page,
  Preset,
  Project,
  RunFilter,
  RunSummary,
  RunView,
  RunbookSummary,
  RunbookView,
  ServiceSummary,
  ServiceView,
  SessionView,
  TeamView,
  TokenView,
  VersionDiff,
  VersionSummary,
} from './shapes';
import { statusOf } from './problem';

const MOST = 200;

/** All pages of a list that is short by nature. */
async function all<T>(read: (after: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let after: string | undefined;
  do {
    // Each page names the next one.
    // oxlint-disable-next-line no-await-in-loop
    const page = await read(after);
    items.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined);
  return items;
}

/** Who is signed in; `null` if nobody is. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<SessionView | null> => {
    try {
      return await answer(api.GET('/api/v1/session', { signal }));
    } catch (error) {
      if (statusOf(error) === 401) {
        return null;
      }
      throw error;
    }
  },
  staleTime: 5 * 60_000,
});

export const projectsQuery = queryOptions({
  queryKey: ['projects'],
  queryFn: ({ signal }): Promise<Project[]> =>
    answer(api.GET('/api/v1/projects', { signal })).then((page) => page.items),
  staleTime: 60_000,
});

export function runbooksQuery(project: string) {
  return queryOptions({
    queryKey: ['runbooks', project],
    queryFn: ({ signal }): Promise<RunbookSummary[]> =>
      all((after) =>
        answer(
          api.GET('/api/v1/projects/{project}/runbooks', {
            params: { path: { project }, query: { limit: MOST, after } },
            signal,
          }),
        ),
      ),
  });
}

export function runbookQuery(project: string, runbook: string) {
  return queryOptions({
    queryKey: ['runbook', project, runbook],
    queryFn: ({ signal }): Promise<RunbookView> =>
      answer(
        api.GET('/api/v1/projects/{project}/runbooks/{runbook}', { params: { path: { project, runbook } }, signal }),
      ),
  });
}

export function versionsQuery(project: string, runbook: string) {
  return queryOptions({
    queryKey: ['versions', project, runbook],
    queryFn: ({ signal }): Promise<VersionSummary[]> =>
      all((after) =>
        answer(
          api.GET('/api/v1/projects/{project}/runbooks/{runbook}/versions', {
            params: { path: { project, runbook }, query: { limit: MOST, after } },
            signal,
          }),
        ),
      ),
  });
}

/** A version of a runbook as it was published; it never changes. */
export function versionQuery(project: string, runbook: string, digest: string) {
  return queryOptions({
    queryKey: ['version', project, runbook, digest],
    queryFn: ({ signal }): Promise<RunbookView> =>
      answer(
        api.GET('/api/v1/projects/{project}/runbooks/{runbook}/versions/{digest}', {
          params: { path: { project, runbook, digest } },
          signal,
        }),
      ),
    staleTime: Infinity,
  });
}

export function diffQuery(project: string, runbook: string, from: string, to: string) {
  return queryOptions({
    queryKey: ['diff', project, runbook, from, to],
    queryFn: ({ signal }): Promise<VersionDiff> =>
      answer(
        api.GET('/api/v1/projects/{project}/runbooks/{runbook}/diff', {
          params: { path: { project, runbook }, query: { from, to } },
          signal,
        }),
      ),
    staleTime: Infinity,
  });
}

export function presetsQuery(project: string, runbook: string) {
  return queryOptions({
    queryKey: ['presets', project, runbook],
    queryFn: ({ signal }): Promise<Preset[]> =>
      answer(
        api.GET('/api/v1/projects/{project}/runbooks/{runbook}/presets', {
          params: { path: { project, runbook } },
          signal,
        }),
      ).then((page) => page.items),
  });
}

export function inventoriesQuery(project: string) {
  return queryOptions({
    queryKey: ['inventories', project],
    queryFn: ({ signal }): Promise<InventorySummary[]> =>
      all((after) =>
        answer(
          api.GET('/api/v1/projects/{project}/inventories', {
            params: { path: { project }, query: { limit: MOST, after } },
            signal,
          }),
        ),
      ),
  });
}

export function inventoryQuery(project: string, inventory: string) {
  return queryOptions({
    queryKey: ['inventory', project, inventory],
    queryFn: ({ signal }): Promise<InventoryView> =>
      answer(
        api.GET('/api/v1/projects/{project}/inventories/{inventory}', {
          params: { path: { project, inventory } },
          signal,
        }),
      ),
  });
}

export function runsQuery(project: string, filter: RunFilter, limit = 50) {
  const { states, runbook, text } = filter;
  return infiniteQueryOptions({
    queryKey: ['runs', project, filter, limit],
    queryFn: async ({ signal, pageParam }): Promise<Page<RunSummary>> => {
      const page = await answer(
        api.GET('/api/v1/projects/{project}/runs', {
          params: {
            path: { project },
            query: {
              limit,
              after: pageParam ?? undefined,
              runbook: runbook ?? undefined,
              state: states.length > 0 ? states.join(',') : undefined,
              text: text.trim() === '' ? undefined : text.trim(),
            },
          },
          signal,
        }),
      );
      return latestRuns.freshen(page, filter);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next ?? null,
  });
}

export function runQuery(project: string, run: string) {
  return queryOptions({
    queryKey: ['run', project, run],
    queryFn: ({ signal }): Promise<RunView> =>
      answer(api.GET('/api/v1/projects/{project}/runs/{run}', { params: { path: { project, run } }, signal })),
    structuralSharing: (old, next) => newerView(old as RunView | undefined, next as RunView),
  });
}

/** All services of a project, worst first. */
export function servicesQuery(project: string) {
  return queryOptions({
    queryKey: ['services', project],
    queryFn: async ({ signal }): Promise<ServiceSummary[]> => {
      const services = await all((after) =>
        answer(
          api.GET('/api/v1/projects/{project}/services', {
            params: {
              path: { project },
              query: { limit: MOST, after: after === undefined ? undefined : Number(after) },
            },
            signal,
          }),
        ),
      );
      // One that became worse between two pages is on both.
      return [...new Map(services.map((service) => [service.name, service])).values()];
    },
  });
}

/** All that is asked about one service has a key that begins so. */
export function serviceKey(project: string, service: string): readonly string[] {
  return ['service', project, service];
}

export function serviceQuery(project: string, service: string) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'now'],
    queryFn: ({ signal }): Promise<ServiceView> =>
      answer(
        api.GET('/api/v1/projects/{project}/services/{service}', { params: { path: { project, service } }, signal }),
      ),
  });
}

export function healthHistoryQuery(project: string, service: string) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'health'],
    queryFn: ({ signal }): Promise<HealthHistory> =>
      answer(
        api.GET('/api/v1/projects/{project}/services/{service}/health', {
          params: { path: { project, service } },
          signal,
        }),
      ),
  });
}

export function factsQuery(project: string, service: string) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'facts'],
    queryFn: ({ signal }): Promise<FactsView> =>
      answer(
        api.GET('/api/v1/projects/{project}/services/{service}/facts', {
          params: { path: { project, service } },
          signal,
        }),
      ),
  });
}

/** With what the facts of an environment are compared: themselves at a moment, or those of another environment. */
export type ComparedWith = { at: string } | { against: string };

export function factsDiffQuery(project: string, service: string, environment: string, other: ComparedWith) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'facts', environment, other],
    queryFn: ({ signal }): Promise<FactsDiff> =>
      answer(
        api.GET('/api/v1/projects/{project}/services/{service}/facts/diff', {
          params: { path: { project, service }, query: { environment, ...other } },
          signal,
        }),
      ),
  });
}

/** What happened to a service in the last so many milliseconds. */
export function happeningsQuery(project: string, service: string, spanMs: number) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'happenings', spanMs],
    queryFn: ({ signal }): Promise<Happening[]> =>
      answer(
        api.GET('/api/v1/projects/{project}/services/{service}/happenings', {
          params: {
            path: { project, service },
            query: { from: new Date(serverNow() - spanMs).toISOString() },
          },
          signal,
        }),
      ).then((page) => page.items),
  });
}

export function teamQuery(project: string, team: string) {
  return queryOptions({
    queryKey: ['team', project, team],
    queryFn: ({ signal }): Promise<TeamView> =>
      answer(api.GET('/api/v1/projects/{project}/teams/{team}', { params: { path: { project, team } }, signal })),
  });
}

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: ({ signal }): Promise<TokenView[]> =>
    answer(api.GET('/api/v1/tokens', { signal })).then((page) => page.items),
});
