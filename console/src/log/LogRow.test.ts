import { expect, test } from 'vitest';

import { PLAIN, segments } from './ansi';
import { LogBuffer } from './buffer';
import { markFound } from './LogRow';
import { matchingLines } from './search';

const ESC = '\u001b';

test('a found text is marked across looks', () => {
  const parts = markFound(segments(`a fo${ESC}[31mund${ESC}[0m b Found`, PLAIN), 'found');
  expect(parts.map(({ text, marked }) => (marked ? `[${text}]` : text)).join('')).toBe('a [fo][und] b [Found]');
  expect(parts.map(({ text }) => text).join('')).toBe('a found b Found');
});

test('what is searched is what is read, and taken literally', () => {
  const buffer = new LogBuffer();
  const text = `exit (1)\ne${ESC}[31mxi${ESC}[0mt (1)\nEXIT (1)\nother\n\rcut`;
  buffer.append({ step: 'exit', attempt: 1, stream: 'stdout', at: '2026-11-23T06:00:00Z', text });
  expect(matchingLines(buffer.lines, 'exit (1)')).toEqual([1, 2, 3]);
  expect(matchingLines(buffer.lines, String.raw`\rcut`)).toEqual([5]);
  expect(matchingLines(buffer.lines, '')).toEqual([]);
});
