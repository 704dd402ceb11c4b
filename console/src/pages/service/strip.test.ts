import { expect, test } from 'vitest';

import { barOf, dayInWords, percent, totalOf } from './strip';

function day(good: number, bad: number, blind = 0) {
  return { day: '2026-11-26', good, bad, no_sample: blind };
}

function kinds(good: number, bad: number, blind = 0): string[] {
  return barOf(day(good, bad, blind)).map(({ kind }) => kind);
}

test('a day without data is hatched, and never good', () => {
  expect(kinds(0, 0)).toEqual(['blind']);
  expect(kinds(0, 0, 12)).toEqual(['blind']);
  expect(kinds(5, 0, 12)).toEqual(['good', 'blind']);
});

test('a day with anything bad sticks out, however little it was', () => {
  const [calm] = barOf(day(2880, 0));
  expect(calm?.top).toBeGreaterThan(0.3);
  const [bad, good] = barOf(day(2879, 1));
  expect(bad).toMatchObject({ kind: 'bad', top: 0 });
  expect(bad?.height).toBeGreaterThan(0.2);
  expect(good?.kind).toBe('good');
  expect(kinds(0, 7)).toEqual(['bad']);
});

test('the parts of a bar stand on each other, down to the ground', () => {
  for (const [good, bad, blind] of [
    [10, 0, 0],
    [10, 3, 1],
    [1, 5000, 5000],
    [0, 1, 1],
    [1, 1, 90],
  ] as const) {
    const parts = barOf(day(good, bad, blind));
    for (const [at, part] of parts.entries()) {
      const next = parts[at + 1]?.top ?? 1;
      expect(part.top + part.height, `${good} ${bad} ${blind}`).toBeCloseTo(next);
      expect(part.height).toBeGreaterThan(0);
    }
  }
});

test('only all of it is 100 %', () => {
  expect(percent(999_999, 1_000_000)).toBe('99.99 %');
  expect(percent(7, 7)).toBe('100 %');
  expect(percent(0, 7)).toBe('0.00 %');
  expect(percent(0, 0)).toBe('–');
});

test('a day in words has its numbers', () => {
  expect(dayInWords(day(2877, 3, 1))).toBe('2026-11-26: 99.89 % good, 2,877 of 2,880, 1 that could not tell');
  expect(dayInWords(day(0, 0))).toBe('2026-11-26: no data');
  expect(dayInWords(day(0, 0, 4))).toBe('2026-11-26: no data, 4 that could not tell');
  expect(totalOf({ probe: 'p', environment: 'e', days: [day(3, 1), day(0, 0, 9), day(2, 0)] })).toEqual({
    good: 5,
    bad: 1,
    withData: 2,
  });
});
