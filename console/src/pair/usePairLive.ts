import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

import { openStream } from '../live/stream';

interface Changed {
  service: string;
  environment: string;
  what: 'health' | 'facts' | 'firing';
}

/** Several changes may come at once, as when a collector has looked. */
const TOGETHER_MS = 250;

/** Reads again what is shown of a project's services when something of theirs is not as it was. */
export function usePairLive(project: string, enabled = true): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!enabled) {
      return undefined;
    }
    const changed = new Set<string>();
    let telling: ReturnType<typeof setTimeout> | undefined;
    const tell = (): void => {
      telling = undefined;
      for (const service of changed) {
        void client.invalidateQueries({ queryKey: ['service', project, service] });
      }
      changed.clear();
      void client.invalidateQueries({ queryKey: ['pair', project] });
    };
    const stream = openStream({
      path: `/api/v1/projects/${encodeURIComponent(project)}/services/live`,
      // It tells nothing of what was before it stood.
      opened: () => void client.invalidateQueries({ queryKey: ['service', project] }),
      on: {
        changed: (data) => {
          changed.add((JSON.parse(data) as Changed).service);
          telling ??= setTimeout(tell, TOGETHER_MS);
        },
      },
    });
    return () => {
      clearTimeout(telling);
      stream.close();
    };
  }, [client, project, enabled]);
}
