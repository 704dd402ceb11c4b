import { expect, test } from 'vitest';

import { ago, bytes, duration, limit, localInput, offsetOf, until } from './time';

test('durations', () => {
  expect([-5, 0, 420, 9949, 12_000, 59_600, 125_000, 3_720_000, 270_000_000].map(duration)).toEqual([
    '0.0 s',
    '0.0 s',
    '0.4 s',
    '9.9 s',
    '12 s',
    '1 min 00 s',
    '2 min 05 s',
    '1 h 02 min',
    '3 d 3 h',
  ]);
});

test('ages', () => {
  expect([0, 9999, 42_000, 180_000, 7_300_000, 1_000_000_000].map(ago)).toEqual([
    'just now',
    'just now',
    '42 s ago',
    '3 min ago',
    '2 h ago',
    '11 d ago',
  ]);
});

test('limits and sizes', () => {
  expect([90, 300, 7200].map(limit)).toEqual(['90 s', '5 min', '2 h']);
  expect([312, 4301, 1_048_576, 3e9].map(bytes)).toEqual(['312 B', '4.2 KiB', '1.0 MiB', '2.8 GiB']);
});

test('how long something still takes', () => {
  expect([-5, 0, 400, 59_100, 3_600_000].map(until)).toEqual(['now', 'now', '1 s', '1 min 00 s', '1 h 00 min']);
});

test('a moment stands in a field in the reader’s zone, and comes back as it was', () => {
  const field = localInput('2026-11-26T10:00:05Z');
  expect(field).toMatch(/^2026-11-2\dT\d\d:\d\d:05$/);
  expect(new Date(field).toISOString()).toBe('2026-11-26T10:00:05.000Z');
  expect(localInput('')).toBe('');
  expect(localInput('soon')).toBe('');
  expect(offsetOf(new Date('2026-11-26T10:00:00Z'))).toMatch(/^UTC[+−]\d\d:\d\d$/);
});
