import { expect, test } from 'vitest';

import type { Happening } from '../../api/shapes';
import { byLane, cutLanes, inEnvironment, keyOf, runOf } from './happenings';

const AT = '2026-11-26T08:00:00Z';

const RUN: Happening = {
  at: AT,
  service: 'shop',
  what: 'run',
  run: {
    id: 'r1',
    project: 'default',
    runbook: 'deploy',
    state: 'succeeded',
    requested_at: AT,
    requested_by: 'ada',
    revision: 1,
  },
};
const HEALTH: Happening = {
  at: AT,
  service: 'shop',
  what: 'health',
  environment: 'production',
  before: 'ok',
  health: 'bad',
  cause: 'It does not answer.',
};
const FACT: Happening = { at: AT, service: 'shop', what: 'fact', environment: 'staging', key: 'version', run: 'r2' };
const FIRING: Happening = { at: AT, service: 'shop', what: 'firing', schedule: 'nightly', reason: 'It was down.' };
const ALL = [RUN, HEALTH, FACT, FIRING];

test('each kind has its lane', () => {
  expect(byLane(ALL)).toEqual({ run: [RUN], health: [HEALTH], fact: [FACT], firing: [FIRING] });
  expect(new Set(ALL.map(keyOf)).size).toBe(4);
});

test('an environment has what belongs to it, and what belongs to none', () => {
  expect(inEnvironment(ALL, null)).toEqual(ALL);
  expect(inEnvironment(ALL, 'production')).toEqual([RUN, HEALTH, FIRING]);
  expect(inEnvironment(ALL, 'staging')).toEqual([RUN, FACT, FIRING]);
});

test('a lane that the server cut is told', () => {
  expect(cutLanes(byLane(ALL))).toEqual([]);
  expect(cutLanes(byLane(Array.from({ length: 200 }, () => FACT)))).toEqual(['fact']);
});

test('each leads to its run, a change of health to the one that showed it', () => {
  const change = {
    environment: 'production',
    at: AT,
    before: 'ok' as const,
    health: 'bad' as const,
    cause: '',
    run: 'r3',
  };
  expect(ALL.map((happening) => runOf(happening, [change]))).toEqual(['r1', 'r3', 'r2', null]);
  expect(runOf(HEALTH, [{ ...change, environment: 'staging' }])).toBe(null);
});
