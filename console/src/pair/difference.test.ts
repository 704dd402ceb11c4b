import { expect, test } from 'vitest';

import type { FactState, Health } from '../api/shapes';
import { differenceWords, factsChanged, factsKept, healthBeforeAfter, isStillLooking, worst } from './difference';
import type { PairView, Snapshot } from './shapes';

const SHOP = { service: 'shop', environment: 'production' };
const STAGING = { service: 'shop', environment: 'staging' };

function snapshot(health: Health, facts: Record<string, [string, FactState]>): Snapshot {
  const seen = Object.entries(facts).map(([key, [value, state]]) => ({ collector: 'look', key, value, state }));
  return { at: '2026-11-26T00:00:00Z', services: [{ ...SHOP, health, cause: '', facts: seen }] };
}

const BEFORE = snapshot('ok', {
  version: ['1', 'current'],
  kernel: ['6', 'current'],
  disk: ['90', 'stale'],
  lost: ['1', 'gone'],
});
const PAIR: PairView = {
  services: [SHOP],
  before: BEFORE,
  after: null,
  changed: {
    health: [{ ...SHOP, before: 'ok', after: 'bad' }],
    facts: [
      { ...SHOP, key: 'version', before: '1', after: '2' },
      { ...STAGING, key: 'version', before: '1', after: null },
    ],
  },
  verify: null,
};

test('the worst of several: not knowing is worse than knowing it to be well', () => {
  expect(worst(['ok', 'unknown'])).toBe('unknown');
  expect(worst(['stale', 'ok', 'degraded'])).toBe('stale');
  expect(worst(['bad', 'data_error'])).toBe('bad');
  expect(worst([])).toBe('unknown');
});

test('health before and now, and after it has ended', () => {
  expect(healthBeforeAfter(PAIR, SHOP)).toEqual({ before: 'ok', after: 'bad' });
  const after = snapshot('stale', {});
  expect(healthBeforeAfter({ ...PAIR, after }, SHOP)).toEqual({ before: 'ok', after: 'stale' });
  expect(healthBeforeAfter({ ...PAIR, changed: { health: [], facts: [] } }, SHOP)?.after).toBe('ok');
  expect(healthBeforeAfter({ ...PAIR, before: null }, SHOP)).toBeNull();
  expect(healthBeforeAfter(PAIR, STAGING)).toBeNull();
});

test('what changed is of its own place, and what did not is counted, with what is too old to say so', () => {
  expect(factsChanged(PAIR.changed, SHOP).map(({ key }) => key)).toEqual(['version']);
  expect(factsChanged(null, SHOP)).toEqual([]);
  expect(factsKept(PAIR, SHOP)).toEqual({ kept: 2, stale: 1 });
  // A fact that came is no other fact.
  const after = snapshot('ok', { version: ['2', 'current'], kernel: ['6', 'current'] });
  expect(factsKept({ ...PAIR, after }, SHOP)).toEqual({ kept: 1, stale: 0 });
});

function ago(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

test('after a run has ended its collectors look once more, for some minutes at most', () => {
  expect(isStillLooking(PAIR, ago(1))).toBe(true);
  expect(isStillLooking(PAIR, ago(10))).toBe(false);
  expect(isStillLooking(PAIR, null)).toBe(false);
  expect(isStillLooking({ ...PAIR, after: BEFORE }, ago(1))).toBe(false);
  expect(isStillLooking({ ...PAIR, before: null }, ago(1))).toBe(false);
});

test('in a few words', () => {
  expect(differenceWords(PAIR)).toBe('ok → bad, 2 facts changed');
  expect(differenceWords({ ...PAIR, changed: null })).toBe('');
  expect(differenceWords({ ...PAIR, changed: { health: [], facts: [] } })).toBe('');
});
