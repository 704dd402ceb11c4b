import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';

import { runQuery } from '../api/queries';
import type { OutputChunk, RunChange, RunView } from '../api/shapes';
import { LiveLog } from '../log/LiveLog';
import { newerView, withChange } from './reduce';
import { openStream } from './stream';

/** How much of a long log to begin with. */
export const TAIL_BYTES = 2 * 1024 * 1024;

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
        change: (data) => {
          const next = withChange(client.getQueryData<RunView>(key), JSON.parse(data) as RunChange);
          if (next === null) {
            void client.invalidateQueries({ queryKey: key });
          } else {
            client.setQueryData<RunView>(key, (old) => newerView(old, next));
          }
        },
        output: (data, id, cursor) => {
          if (cursor.isNew(id)) {
            mine.append(JSON.parse(data) as OutputChunk);
          }
        },
        end: (data) => {
          saw(data);
          mine.end();
          stream.close();
        },
      },
    });
    return () => {
      stream.close();
      mine.stop();
    };
    // The log belongs to the stream: a new run gets new ones.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [client, project, run]);

  return log;
}
