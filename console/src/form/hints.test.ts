import { expect, test } from 'vitest';

import type { Input } from '../api/shapes';
import { hintsOf } from './hints';

const COMPUTED = { today: '2026-11-26', now: '2026-11-26T10:00:00Z', caller: 'ada' };

function hint(input: object, empty = true): string {
  return hintsOf({ name: 'x', ...input } as Input, COMPUTED, empty);
}

test('a field says what it takes', () => {
  expect(hint({ type: 'integer', min: 1, max: 9 })).toBe('1 to 9.');
  expect(hint({ type: 'number', min: 0 })).toBe('At least 0.');
  expect(hint({ type: 'duration', max_s: 5400 })).toBe('At most 1h30m.');
  expect(hint({ type: 'string', pattern: 'OPS-\\d+', max_length: 9 })).toBe('At most 9 characters, pattern OPS-\\d+.');
  expect(hint({ type: 'file', max_bytes: 1024 })).toBe('At most 1.0 KiB.');
  expect(hint({ type: 'boolean' })).toBe('');
});

test('and what stands in while nothing is given', () => {
  expect(hint({ type: 'date', default_from: 'today' })).toBe('If left empty: the day in UTC, 2026-11-26.');
  expect(hint({ type: 'string', default_from: 'caller' })).toBe('If left empty: your name, ada.');
  expect(hint({ type: 'string', default_from: 'caller' }, false)).toBe('');
});
