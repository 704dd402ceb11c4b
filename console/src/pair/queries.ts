import { queryOptions } from '@tanstack/react-query';

import { answer, api } from '../api/client';
import { statusOf } from '../api/problem';
import { serviceKey } from '../api/queries';
import type { FactsView, Happening, RunView, ServiceView } from '../api/shapes';
import { hasEnded } from '../live/reduce';
import { isStillLooking } from './difference';
import type { PairView } from './shapes';

/** Runs that begin and end are told by no stream of services. */
const EVERY_MS = 10_000;

/** A service as it is; `null` if there is none of this name. */
export function serviceQuery(project: string, service: string) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'beside'],
    queryFn: async ({ signal }): Promise<ServiceView | null> => {
      try {
        return await answer(
          api.GET('/api/v1/projects/{project}/services/{service}', { params: { path: { project, service } }, signal }),
        );
      } catch (error) {
        if (statusOf(error) === 404) {
          return null;
        }
        throw error;
      }
    },
  });
}

export function factsQuery(project: string, service: string, environment: string) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'facts', environment],
    queryFn: ({ signal }): Promise<FactsView> =>
      answer(
        api.GET('/api/v1/projects/{project}/services/{service}/facts', {
          params: { path: { project, service }, query: { environment } },
          signal,
        }),
      ),
  });
}

/** What happened to a service, newest first: of the last day, or from one moment to another. */
export function happeningsQuery(project: string, service: string, from?: string, to?: string) {
  return queryOptions({
    queryKey: [...serviceKey(project, service), 'happenings', from, to],
    queryFn: ({ signal }): Promise<Happening[]> =>
      answer(
        api.GET('/api/v1/projects/{project}/services/{service}/happenings', {
          params: { path: { project, service }, query: { from, to } },
          signal,
        }),
      ).then((page) => page.items),
    refetchInterval: to === undefined ? EVERY_MS : false,
  });
}

/** How things stood before a run and after it. */
export function pairQuery({ project, id: run, state, finished_at: finished }: RunView) {
  return queryOptions({
    // It begins, waits for its verification and ends: at each there is another thing to say.
    queryKey: ['pair', project, run, state],
    queryFn: ({ signal }): Promise<PairView> =>
      answer(api.GET('/api/v1/projects/{project}/runs/{run}/pair', { params: { path: { project, run } }, signal })),
    refetchInterval: ({ state: { data } }) =>
      !hasEnded(state) || (data !== undefined && isStillLooking(data, finished ?? null)) ? EVERY_MS / 5 : false,
  });
}
