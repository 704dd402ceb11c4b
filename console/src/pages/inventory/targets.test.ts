import { expect, test } from 'vitest';

import { hasWords } from './targets';

const TARGET = { name: 'web1', address: 'web1.example', labels: { role: 'web', region: 'eu' } };

test('a target is found by its words and labels', () => {
  for (const text of ['', 'WEB1', 'example eu', 'role=web', 'role=web region=eu', 'role=', 'production']) {
    expect(hasWords(TARGET, text), text).toBe(true);
  }
  for (const text of ['web2', 'role=we', 'web us', 'staging']) {
    expect(hasWords(TARGET, text), text).toBe(false);
  }
});
