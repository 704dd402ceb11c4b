import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';

import { serviceKey, sessionQuery } from '../api/queries';
import { openStream } from './stream';

/** Something of a service is not as it was. */
interface ServiceChanged {
  service: string;
  environment: string;
  what: 'health' | 'facts' | 'firing';
}

/** A thousand services change all the time: what is on screen is asked for again at most so often. */
const TOGETHER_MS = 500;

/** Keeps what is shown of a project's services as it is now, while the page is open. */
export function useServicesLive(project: string, enabled = true): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!enabled) {
      return undefined;
    }
    let changed: ServiceChanged[] = [];
    let telling: ReturnType<typeof setTimeout> | undefined;
    let closed = false;

    const tell = async (): Promise<void> => {
      const now = changed;
      changed = [];
      const keys = [...new Set(now.map(({ service }) => service))].map((name) => serviceKey(project, name));
      await Promise.all(keys.map((queryKey) => client.invalidateQueries({ queryKey })));
      await client.invalidateQueries({ queryKey: ['pair', project] });
      if (now.some(({ what }) => what === 'health')) {
        await Promise.all([
          client.invalidateQueries({ queryKey: ['services', project] }),
          // It may stand beside another, which depends on it.
          client.invalidateQueries({
            predicate: ({ queryKey: [of, where, , part] }) =>
              of === 'service' && where === project && (part === 'now' || part === 'beside'),
          }),
        ]);
      }
      telling = changed.length > 0 && !closed ? setTimeout(() => void tell(), TOGETHER_MS) : undefined;
    };
    const refresh = (): void => {
      void client.invalidateQueries({ queryKey: ['services', project] });
      void client.invalidateQueries({ queryKey: ['service', project] });
    };
    const stream = openStream({
      path: `/api/v1/projects/${encodeURIComponent(project)}/services/live`,
      // It has no history: what happened before it stood is in fresh answers only.
      opened: refresh,
      // Signed out, perhaps, or a server that has no such stream: it is asked again, slower and slower, and so are we.
      refused: () => {
        void client.invalidateQueries({ queryKey: sessionQuery.queryKey });
        refresh();
      },
      on: {
        changed: (data) => {
          changed.push(JSON.parse(data) as ServiceChanged);
          telling ??= setTimeout(() => void tell(), TOGETHER_MS);
        },
      },
    });
    return () => {
      closed = true;
      clearTimeout(telling);
      stream.close();
    };
  }, [client, project, enabled]);
}
