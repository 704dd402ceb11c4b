import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';

import { answer, api } from '../api/client';
import type { Firing, Page, ScheduleSummary, ScheduleView, TimedKind } from '../api/shapes';

/** What comes and what came is told by no stream: a page that is looked at asks again. */
const EVERY_MS = 5000;

/** What starts by time: of one kind, or of one runbook. */
export function schedulesQuery(project: string, filter: { kind?: TimedKind; runbook?: string }) {
  return queryOptions({
    queryKey: ['schedules', project, filter],
    queryFn: ({ signal }): Promise<ScheduleSummary[]> =>
      answer(
        api.GET('/api/v1/projects/{project}/schedules', { params: { path: { project }, query: filter }, signal }),
      ).then((page) => page.items),
    refetchInterval: EVERY_MS,
  });
}

export function scheduleQuery(project: string, schedule: string) {
  return queryOptions({
    queryKey: ['schedule', project, schedule],
    queryFn: ({ signal }): Promise<ScheduleView> =>
      answer(
        api.GET('/api/v1/projects/{project}/schedules/{schedule}', { params: { path: { project, schedule } }, signal }),
      ),
    refetchInterval: EVERY_MS,
  });
}

/** What became of its instants, newest first. */
export function firingsQuery(project: string, schedule: string) {
  return infiniteQueryOptions({
    queryKey: ['schedule', project, schedule, 'firings'],
    queryFn: ({ signal, pageParam }): Promise<Page<Firing>> =>
      answer(
        api.GET('/api/v1/projects/{project}/schedules/{schedule}/firings', {
          params: { path: { project, schedule }, query: { after: pageParam, limit: 50 } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    refetchInterval: EVERY_MS,
  });
}
