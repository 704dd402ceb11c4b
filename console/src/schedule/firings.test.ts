import { expect, test } from 'vitest';

import type { Firing } from '../api/shapes';
import { catchUpWords, firingWords, overlapWords, tally } from './firings';

function firing(due: string, state: Firing['state'] = 'fired', count = 1): Firing {
  return { due_at: `2026-11-26T00:00:${due}Z`, state, count, recorded_at: `2026-11-26T00:00:${due}Z` };
}

test('a stretch counts for all of its instants', () => {
  const all = [firing('09'), firing('08', 'missed', 3600), firing('07', 'skipped'), firing('06')];
  expect(tally(all)).toEqual({ fired: 2, missed: 3600, skipped: 1 });
  expect(all.map(firingWords)).toEqual(['fired', '3,600 missed', 'skipped', 'fired']);
});

test('every way of catching up and overlapping has its sentence', () => {
  const said = [
    ...(['none', 'latest', 'all'] as const).map(catchUpWords),
    ...(['forbid', 'queue_one', 'allow', 'cancel_previous'] as const).map(overlapWords),
  ];
  expect(new Set(said).size).toBe(7);
});
