import { expect, test } from 'vitest';

import { parseDuration, writeDuration } from './duration';

test('durations are read as they are written', () => {
  const read = { '90s': 90, '5m': 300, '1h30m': 5400, '1d': 86_400, '2d3h4m5s': 183_845, '0s': 0 };
  for (const [text, seconds] of Object.entries(read)) {
    expect(parseDuration(text), text).toBe(seconds);
  }
  for (const text of ['', '5', '1.5h', '-1s', '30m1h', '1h 30m', 'h', '1w', '5M', '9'.repeat(30) + 's']) {
    expect(parseDuration(text), text).toBeNull();
  }
});

test('what is written is read again', () => {
  expect([0, 59, 60, 5400, 86_400, 90_061].map(writeDuration)).toEqual(['0s', '59s', '1m', '1h30m', '1d', '1d1h1m1s']);
  for (const seconds of [1, 61, 3599, 3600, 100_000]) {
    expect(parseDuration(writeDuration(seconds))).toBe(seconds);
  }
});
