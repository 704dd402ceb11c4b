import { expect, test } from 'vitest';

import { PLAIN, applySgr, lookAfter, lookClass, nearest, readable, segments } from './ansi';

const ESC = '\u001b';

function drawn(text: string): [string, string | undefined][] {
  return segments(text, PLAIN).map((segment) => [
    segment.text,
    segment.escape ? `escape ${lookClass(segment.look) ?? ''}`.trim() : lookClass(segment.look),
  ]);
}

test('colours and attributes become classes', () => {
  expect(drawn(`a${ESC}[1;31mb${ESC}[0mc`)).toEqual([
    ['a', undefined],
    ['b', 'ansi-fg-1 ansi-bold'],
    ['c', undefined],
  ]);
  expect(drawn(`${ESC}[92mx${ESC}[39my`)).toEqual([
    ['x', 'ansi-fg-10'],
    ['y', undefined],
  ]);
});

test('a background brings its own text colour, so that nothing can hide on itself', () => {
  expect(drawn(`${ESC}[31;41mx`)).toEqual([['x', 'ansi-bg-1']]);
  expect(drawn(`${ESC}[7mx`)).toEqual([['x', 'ansi-bg-inverse']]);
  expect(drawn(`${ESC}[8mconcealed`)).toEqual([['concealed', undefined]]);
});

test('many colours fall to the nearest of sixteen', () => {
  expect(nearest(255, 0, 0)).toBe(9);
  expect(nearest(0, 120, 0)).toBe(2);
  expect(nearest(20, 20, 20)).toBe(0);
  expect(nearest(250, 250, 250)).toBe(15);
  expect(lookClass(applySgr(PLAIN, '38;5;196'))).toBe('ansi-fg-9');
  expect(lookClass(applySgr(PLAIN, '38;2;0;0;200'))).toBe('ansi-fg-12');
  expect(lookClass(applySgr(PLAIN, '38:2::0:0:100;1'))).toBe('ansi-fg-4 ansi-bold');
  expect(lookClass(applySgr(PLAIN, '38;5'))).toBeUndefined();
  expect(lookClass(applySgr(PLAIN, '38;5;999;1'))).toBe('ansi-bold');
});

test('whatever else a terminal would obey is shown and not obeyed', () => {
  expect(drawn(`${ESC}[2J${ESC}[H`)).toEqual([
    [String.raw`\x1b`, 'escape'],
    ['[2J', undefined],
    [String.raw`\x1b`, 'escape'],
    ['[H', undefined],
  ]);
  expect(readable(`${ESC}]8;;http://evil${ESC}\\text`)).toBe(String.raw`\x1b]8;;http://evil\x1b\text`);
  expect(readable(`\u009b31mred`)).toBe(String.raw`\x9b31mred`);
  expect(readable(`${ESC}[31`)).toBe(String.raw`\x1b[31`);
});

test('a look lasts until it is taken back', () => {
  const red = lookAfter(`${ESC}[31mred`, PLAIN);
  expect(red.fg).toBe(1);
  expect(lookAfter(`still${ESC}[0m`, red)).toBe(PLAIN);
  expect(lookAfter('nothing', red)).toBe(red);
});
