import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';

import { runQuery } from '../api/queries';
import type { OutputChunk, RunChange, RunView } from '../api/shapes';
import { LiveLog } from '../log/LiveLog';
import { newerView, withChange } from './reduce';
import { openStream } from './stream';

/** How much of a long log to begin with. */
export const TAIL_BYTES = 2 * 1024 * 1024;

/** Many changes may come at once: the page is told of them together. */
const TOGETHER_MS = 50;

/** Follows one run: its view into the query cache, its output into a log. */
export function useRunLive(project: string, run: string): LiveLog {
  const client = useQueryClient();
  const [log, setLog] = useState(() => new LiveLog(TAIL_BYTES));
  const followed = useRef(false);

  useEffect(() => {
    // Also under React's strict mode, which mounts twice: each stream has its own log.
    const mine = followed.current ? new LiveLog(TAIL_BYTES) : log;
    followed.current = true;
    setLog(mine);
    const key = runQuery(project, run).queryKey;
    let first = true;
    let changed: RunView | null = null;
    let telling: ReturnType<typeof setTimeout> | undefined;
    const tell = (): void => {
      clearTimeout(telling);
      telling = undefined;
      const view = changed;
      changed = null;
      if (view !== null) {
        client.setQueryData<RunView>(key, (old) => newerView(old, view));
      }
    };
    const sawChange = (change: RunChange): void => {
      const next = withChange(changed ?? client.getQueryData<RunView>(key), change);
      if (next === null) {
        void client.invalidateQueries({ queryKey: key });
      } else {
        changed = next;
        telling ??= setTimeout(tell, TOGETHER_MS);
      }
    };
    const saw = (data: string): void => {
      const view = JSON.parse(data) as RunView;
      if (first) {
        first = false;
        mine.joinedLate = view.steps.some((step) => step.attempt > 0);
      }
      client.setQueryData<RunView>(key, (old) => newerView(old, view));
    };
    const stream = openStream({
      path: `/api/v1/projects/${encodeURIComponent(project)}/runs/${encodeURIComponent(run)}/live`,
      first: { tail: String(TAIL_BYTES) },
      refused: () => void client.invalidateQueries({ queryKey: key }),
      on: {
        run: saw,
        change: (data) => sawChange(JSON.parse(data) as RunChange),
        output: (data, id, cursor) => {
          if (cursor.isNew(id)) {
            mine.append(JSON.parse(data) as OutputChunk);
          }
        },
        end: (data) => {
          tell();
          saw(data);
          mine.end();
          stream.close();
        },
      },
    });
    return () => {
      clearTimeout(telling);
      stream.close();
      mine.stop();
    };
    // The log belongs to the stream: a new run gets new ones.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [client, project, run]);

  return log;
}
