import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';

import { OnceKey } from '../../api/once';
import { statusOf } from '../../api/problem';
import { runQuery } from '../../api/queries';
import type { RunView } from '../../api/shapes';
import { newerView } from '../../live/reduce';

/** Something that a person says to a run: once, and what the server answers is what is shown. */
export function useStepAct<B>(
  run: RunView,
  send: (body: B, key: string) => Promise<RunView>,
  late: (error: unknown) => void,
) {
  const client = useQueryClient();
  const once = useRef(new OnceKey());
  const key = runQuery(run.project, run.id).queryKey;
  return useMutation({
    mutationFn: (body: B) => send(body, once.current.for(body)),
    onSuccess: (view) => {
      // The form goes away with what was focused in it: the keyboard goes on from the page.
      document.getElementById('main')?.focus({ preventScroll: true });
      client.setQueryData<RunView>(key, (old) => newerView(old, view));
    },
    onError: (error) => {
      // Somebody else was quicker: the form goes away, so that it is said elsewhere.
      if (statusOf(error) === 409) {
        late(error);
      }
      void client.invalidateQueries({ queryKey: key });
    },
    onSettled: (_view, error) => once.current.settled(error),
  });
}
