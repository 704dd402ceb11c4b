import { expect, test } from 'vitest';

import { cluster, placeOf, ticks } from './axis';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A moment by the clock of whoever runs the test. */
function local(day: number, hour: number, minute = 0): number {
  return new Date(2026, 10, day, hour, minute).getTime();
}

test('a moment has its place, and none outside of the axis', () => {
  const on = { from: 1000, to: 3000 };
  expect(placeOf(1000, on, 400)).toBe(0);
  expect(placeOf(1500, on, 400)).toBe(100);
  expect(placeOf(9000, on, 400)).toBe(400);
  expect(placeOf(0, on, 400)).toBe(0);
  expect(placeOf(5, { from: 5, to: 5 }, 400)).toBe(0);
});

test('ticks are at round times, and a new day is named', () => {
  const day = ticks({ from: local(25, 14, 20), to: local(26, 14, 20) }, 8);
  expect(day.map(({ label }) => label)).toEqual([
    '15:00',
    '18:00',
    '21:00',
    '11-26',
    '03:00',
    '06:00',
    '09:00',
    '12:00',
  ]);
  expect(day[0]?.at).toBe(local(25, 15));
  const hour = ticks({ from: local(26, 8, 3), to: local(26, 9, 3) }, 6);
  expect(hour.map(({ label }) => label)).toEqual(['08:10', '08:20', '08:30', '08:40', '08:50', '09:00']);
  const month = ticks({ from: local(1, 12), to: local(1, 12) + 30 * 24 * HOUR }, 5);
  expect(month.map(({ label }) => label)).toEqual(['11-08', '11-15', '11-22', '11-29']);
});

test('there are never more ticks than there is room for', () => {
  for (const minutes of [1, 7, 61, 500, 1500, 20_000, 43_200]) {
    for (const most of [1, 3, 8]) {
      expect(ticks({ from: local(3, 5, 17), to: local(3, 5, 17) + minutes * MINUTE }, most).length).toBeLessThanOrEqual(
        most + 1,
      );
    }
  }
});

test('marks that lie on each other become one, and a long row of them does not', () => {
  const on = { from: 0, to: 100 };
  const at = (moments: number[]) => cluster(moments, (moment) => moment, on, 1000, 20);
  expect(at([50, 10, 11])).toEqual([
    { items: [10, 11], x: 105 },
    { items: [50], x: 500 },
  ]);
  // Each is near the next one, and the last is far from the first.
  expect(at([0, 1, 2, 3, 4]).map(({ items }) => items)).toEqual([[0, 1], [2, 3], [4]]);
  expect(at([])).toEqual([]);
});
