import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { answer, api } from './client';
import { latestRuns } from '../live/latest';
import { newerView } from '../live/reduce';
import type {
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
  SessionView,
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

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: ({ signal }): Promise<TokenView[]> =>
    answer(api.GET('/api/v1/tokens', { signal })).then((page) => page.items),
});
