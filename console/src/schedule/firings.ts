import type { CatchUp, Firing, Overlap } from '../api/shapes';

const CATCH_UP: Record<CatchUp, string> = {
  none: 'Nothing: what was due while no server was there is recorded as missed.',
  latest: 'The newest of what was due while no server was there is performed, if it is not older than an hour.',
  all: 'All that was due while no server was there is performed, as far as it is not older than an hour.',
};

const OVERLAP: Record<Overlap, string> = {
  forbid: 'While the run before has not ended, a firing is skipped.',
  queue_one: 'While the run before has not ended, one firing waits for it; further ones are skipped.',
  allow: 'A run starts beside the one before, if that has not ended.',
  cancel_previous: 'If the run before has not ended, it is canceled.',
};

export function catchUpWords(catchUp: CatchUp): string {
  return CATCH_UP[catchUp];
}

export function overlapWords(overlap: Overlap): string {
  return OVERLAP[overlap];
}

/** What became of some instants, in two or three words; of one that fired its run says the rest. */
export function firingWords({ state, count }: Pick<Firing, 'state' | 'count'>): string {
  return count === 1 ? state : `${count.toLocaleString('en')} ${state}`;
}

export interface Tally {
  fired: number;
  missed: number;
  skipped: number;
}

/** How many instants came to what. */
export function tally(firings: readonly Pick<Firing, 'state' | 'count'>[]): Tally {
  const counts: Tally = { fired: 0, missed: 0, skipped: 0 };
  for (const { state, count } of firings) {
    counts[state] += count;
  }
  return counts;
}
