import { expect, test } from 'vitest';

import { hasWords } from './words';

test('every word has to be somewhere, in any field and any order', () => {
  const fields = ['restart-web', 'Restart the web tier', null, undefined];
  expect(hasWords(fields, '')).toBe(true);
  expect(hasWords(fields, '  TIER  restart ')).toBe(true);
  expect(hasWords(fields, 'tier db')).toBe(false);
  expect(hasWords(fields, 'null')).toBe(false);
});
