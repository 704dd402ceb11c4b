import { expect, test } from 'vitest';

import { isKnownZone, offsetIn, timeIn, withShifts } from './zone';

test('a time is told as the clocks of a zone show it', () => {
  expect(timeIn('Europe/Berlin', '2026-11-26T23:30:00Z')).toBe('2026-11-27 00:30:00');
  expect(timeIn('UTC', '2026-11-26T00:00:05Z')).toBe('2026-11-26 00:00:05');
  expect(timeIn('Asia/Kolkata', '2026-01-01T12:00:00Z')).toBe('2026-01-01 17:30:00');
});

test('offsets, and zones that nobody knows', () => {
  expect(offsetIn('Europe/Berlin', '2026-07-01T00:00:00Z')).toBe('UTC+02:00');
  expect(offsetIn('America/New_York', '2026-12-01T00:00:00Z')).toBe('UTC−05:00');
  expect(offsetIn('UTC', '2026-12-01T00:00:00Z')).toBe('UTC+00:00');
  expect(['Europe/Berlin', 'Mars/Olympus'].map(isKnownZone)).toEqual([true, false]);
});

test('a change of the clocks is marked at the first instant after it', () => {
  // 03:00 in Berlin on the days around 2027-03-28.
  const nights = ['2027-03-27T02:00:00Z', '2027-03-28T01:00:00Z', '2027-03-29T01:00:00Z'];
  expect(withShifts(nights, 'Europe/Berlin', '2027-03-26T12:00:00Z').map(({ shift }) => shift)).toEqual([
    null,
    { from: 'UTC+01:00', to: 'UTC+02:00' },
    null,
  ]);
  // The change may lie between now and the first of them.
  expect(withShifts(nights.slice(1), 'Europe/Berlin', '2027-03-27T12:00:00Z')[0]?.shift).not.toBeNull();
  expect(withShifts(nights, 'UTC', '2027-03-26T12:00:00Z').every(({ shift }) => shift === null)).toBe(true);
});
