import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

import { sessionQuery } from '../api/queries';
import type { RunFilter, RunSummary, RunbookSummary } from '../api/shapes';
import { latestRuns } from './latest';
import { type RunPages, mergeIntoPages, mergeIntoRunbooks } from './reduce';
import { openStream } from './stream';

function writeIntoCache(client: QueryClient, project: string, run: RunSummary): void {
  latestRuns.note(run);
  for (const [key, pages] of client.getQueriesData<RunPages>({ queryKey: ['runs', project] })) {
    const filter = key[2] as RunFilter;
    if (pages !== undefined) {
      client.setQueryData(key, mergeIntoPages(pages, filter, run));
    }
  }
  client.setQueryData<RunbookSummary[]>(
    ['runbooks', project],
    (runbooks) => runbooks && mergeIntoRunbooks(runbooks, run),
  );
}

/** What a run waits for is not in the stream's summaries: lists are read again, but not at each change. */
const SOON_MS = 1000;

function lacksReason(run: RunSummary): boolean {
  return run.state === 'waiting' && !run.waits_for;
}

/** Keeps every list of a project's runs as it is now, while the page is open. */
export function useRunsLive(project: string): void {
  const client = useQueryClient();
  useEffect(() => {
    const refresh = (): void => {
      void client.invalidateQueries({ queryKey: ['runs', project] });
      void client.invalidateQueries({ queryKey: ['runbooks', project] });
    };
    let soon: ReturnType<typeof setTimeout> | undefined;
    const saw = (run: RunSummary): void => {
      writeIntoCache(client, project, run);
      if (lacksReason(run)) {
        soon ??= setTimeout(() => {
          soon = undefined;
          void client.invalidateQueries({ queryKey: ['runs', project] });
        }, SOON_MS);
      }
    };
    const stream = openStream({
      path: `/api/v1/projects/${encodeURIComponent(project)}/runs/live`,
      // What happened between the list's answer and the stream's beginning is in a fresh list only.
      opened: refresh,
      // Signed out, perhaps: a list that could not be had says the rest.
      refused: () => void client.invalidateQueries({ queryKey: sessionQuery.queryKey }),
      on: {
        run: (data) => saw(JSON.parse(data) as RunSummary),
        // Some changes were missed.
        behind: refresh,
      },
    });
    return () => {
      clearTimeout(soon);
      stream.close();
    };
  }, [client, project]);
}
