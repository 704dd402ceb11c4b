import { expect, test } from 'vitest';

import { hasUnseen, pieces, visible } from './escape';

test('what cannot be seen becomes an escape, the rest stays', () => {
  expect(visible('plain ä € 😀\tend')).toBe('plain ä € 😀\tend');
  expect(visible('a\rb')).toBe(String.raw`a\rb`);
  expect(visible('\u001b]52;c;ZXZpbA==\u0007')).toBe(String.raw`\x1b]52;c;ZXZpbA==\x07`);
  expect(visible('user\u202egpj.exe')).toBe(String.raw`user\u{202e}gpj.exe`);
  expect(visible('\u009b31m\u0000\u007f\u2028\u{e0041}\ufeff')).toBe(
    String.raw`\x9b31m\0\x7f\u{2028}\u{e0041}\u{feff}`,
  );
});

test('a family of people is one emoji: its joiners stay', () => {
  expect(visible('👩‍👩‍👧')).toBe('👩‍👩‍👧');
});

test('pieces tell escapes from text, also after a look at the same text', () => {
  const text = 'a\u202e\u202cb';
  expect(hasUnseen(text)).toBe(true);
  expect(hasUnseen(text)).toBe(true);
  expect(pieces(text)).toEqual([
    { text: 'a', escape: false },
    { text: String.raw`\u{202e}\u{202c}`, escape: true },
    { text: 'b', escape: false },
  ]);
  expect(pieces(String.raw`a\x1b`)).toEqual([{ text: String.raw`a\x1b`, escape: false }]);
});
