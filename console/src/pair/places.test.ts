import { expect, test } from 'vitest';

import { placesOf, placesOfRun, serviceOf } from './places';
import type { PairView } from './shapes';

const WATCH = { service: 'shop', environment: 'staging', every_s: 30 };

test('a runbook acts on its service, and a probe or collector looks at one', () => {
  expect(serviceOf({ service: 'shop' })).toBe('shop');
  expect(serviceOf({ probe: { ...WATCH, bad_after: 1, stale_after_s: 90 } })).toBe('shop');
  expect(serviceOf({ collects: { ...WATCH, expire_s: 90 } })).toBe('shop');
  expect(serviceOf({})).toBeNull();
});

function environmentsOf(targets: string[], environment?: string): string[] {
  return placesOf({ service: 'shop', environment }, targets).map((place) => place.environment);
}

test('where that is: as the targets say, else as the runbook says, else production', () => {
  expect(environmentsOf([])).toEqual(['production']);
  expect(environmentsOf([], 'staging')).toEqual(['staging']);
  expect(environmentsOf(['staging', 'production'])).toEqual(['staging', 'production']);
  expect(placesOf({ probe: { ...WATCH, bad_after: 1, stale_after_s: 90 } }, ['production'])).toEqual([
    { service: 'shop', environment: 'staging' },
  ]);
  expect(placesOf({}, ['production'])).toEqual([]);
});

test('of a run the server says it, and until then it is as it was asked for', () => {
  const pair: PairView = { services: [], before: null, after: null, changed: null, verify: null };
  expect(placesOfRun({ service: 'shop' }, undefined)).toEqual([{ service: 'shop', environment: 'production' }]);
  expect(placesOfRun({}, undefined)).toEqual([]);
  expect(placesOfRun({ service: 'shop' }, pair)).toEqual([]);
});
