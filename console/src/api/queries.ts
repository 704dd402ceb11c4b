import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { answer, api } from './client';
import type { Page, Project, RunFilter, RunSummary, RunView, RunbookSummary, RunbookView, SessionView } from './shapes';
import type { TokenView, VersionSummary } from './shapes';
import { latestRuns } from '../live/latest';
import { newerView } from '../live/reduce';
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

export function runsQuery(project: string, filter: RunFilter, limit = 50) {
  const { states, runbook } = filter;
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
