import { expect, test } from 'vitest';

import { byEnvironment, comparedFrom, withCompared } from './facts';

test('what facts are compared with is in the address', () => {
  expect(comparedFrom(new URLSearchParams('at=2026-11-26T08:00:00Z'))).toEqual({ at: '2026-11-26T08:00:00Z' });
  expect(comparedFrom(new URLSearchParams('against=staging&at=2026-11-26T08:00:00Z'))).toEqual({ against: 'staging' });
  expect(comparedFrom(new URLSearchParams('at=yesterday'))).toBe(null);
  expect(comparedFrom(new URLSearchParams(''))).toBe(null);
  const query = new URLSearchParams('environment=production&against=staging');
  expect(withCompared(query, { at: '2026-11-26T08:00:00Z' }).toString()).toBe(
    'environment=production&at=2026-11-26T08%3A00%3A00Z',
  );
  expect(withCompared(query, null).toString()).toBe('environment=production');
});

test('environments stand in the order of the service, and one that it has left is not lost', () => {
  const items = ['old', 'staging', 'production', 'staging'].map((environment, at) => ({ environment, at }));
  expect(byEnvironment(items, ['production', 'staging', 'development'])).toEqual([
    ['production', [items[2]]],
    ['staging', [items[1], items[3]]],
    ['old', [items[0]]],
  ]);
});
