import { expect, test } from 'vitest';

import { type LogLine } from './buffer';
import { heights, lineAt, span } from './rows';

function wide(...columns: number[]): LogLine[] {
  return columns.map((each) => ({ columns: each }) as LogLine);
}

test('long lines take several rows when they wrap', () => {
  expect([...heights(wide(0, 80, 81, 200), 80)]).toEqual([0, 1, 2, 4, 7]);
  expect([...heights(wide(0, 80, 81, 200), null)]).toEqual([0, 1, 2, 3, 4]);
});

test('the line at a height', () => {
  const sums = heights(wide(0, 80, 81, 200), 80);
  expect([0, 1, 2, 3, 4, 6, 99].map((height) => lineAt(sums, height))).toEqual([0, 1, 2, 2, 3, 3, 3]);
  expect(lineAt(heights([], 80), 0)).toBe(0);
});

test('the span drawn covers the window and stays inside the list', () => {
  const sums = heights(wide(...Array.from({ length: 1000 }, () => 10)), 80);
  expect(span(sums, 500, 30, 20)).toEqual({ from: 480, to: 551 });
  expect(span(sums, 990, 30, 20)).toEqual({ from: 970, to: 1000 });
  expect(span(heights([], 80), 0, 30, 20)).toEqual({ from: 0, to: 0 });
});
