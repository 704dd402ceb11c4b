import { useSyncExternalStore } from 'react';

import { serverNow } from '../live/clock';

const listeners = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  ticking ??= setInterval(() => {
    for (const told of listeners) {
      told();
    }
  }, 500);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(ticking);
      ticking = undefined;
    }
  };
}

function never(): () => void {
  return () => {};
}

/** The server's time, ticking in steps while `moving`; one timer for the whole page. */
export function useNow(stepMs: number, moving = true): number {
  return useSyncExternalStore(moving ? subscribe : never, () => Math.floor(serverNow() / stepMs) * stepMs);
}
