import { expect, test } from 'vitest';

import { timingIn, timingOf } from './when';

test('a list’s words are taken apart again: expressions, zone, interval', () => {
  expect(timingOf('0 3 * * *; 1,7,31 * * * * (Europe/Berlin)')).toEqual({
    words: ['at 03:00, every day', null],
    expressions: ['0 3 * * *', '1,7,31 * * * *'],
    zone: 'Europe/Berlin',
  });
  expect(timingOf('every 1h 30m')).toEqual({ words: ['every 1h 30m'], expressions: [], zone: null });
});

test('a definition says it by itself', () => {
  expect(timingIn({ cron: { expressions: ['0 3 * * *'], zone: 'UTC' } }, '').zone).toBe('UTC');
  expect(timingIn({ every: { every_s: 90 } }, 'every 1m 30s').words).toEqual(['every 1m 30s']);
});
