import { expect, test } from 'vitest';

import type { OutputChunk, OutputStream } from '../api/shapes';
import { LONGEST_LINE, LogBuffer, columnsOf } from './buffer';

function chunk(text: string, stream: OutputStream = 'stdout', step = 'build'): OutputChunk {
  return { step, attempt: 1, stream, at: '2026-11-23T06:00:00Z', text };
}

function raw(bytes: Uint8Array, stream: OutputStream = 'stdout'): OutputChunk {
  return { ...chunk('', stream), text: null, bytes_base64: btoa(String.fromCharCode(...bytes)) };
}

function shown(buffer: LogBuffer): string[] {
  return buffer.lines.map(({ kind, number, text }) => (kind === 'step' ? `# ${text}` : `${number} ${kind} ${text}`));
}

test('pieces become lines, and an unfinished one shows at once', () => {
  const buffer = new LogBuffer();
  buffer.append(chunk('one\ntw'));
  expect(shown(buffer)).toEqual(['# build', '1 stdout one', '2 stdout tw']);
  buffer.append(chunk('o\n\nfour\n'));
  expect(shown(buffer)).toEqual(['# build', '1 stdout one', '2 stdout two', '3 stdout ', '4 stdout four']);
});

test('each stream is a text of its own, in the order in which its lines began', () => {
  const buffer = new LogBuffer();
  buffer.append(chunk('out '));
  buffer.append(chunk('err\n', 'stderr'));
  buffer.append(chunk('goes on\n'));
  buffer.append(chunk('cut', 'note'));
  expect(shown(buffer)).toEqual(['# build', '1 stdout out goes on', '2 stderr err', '3 note cut']);
});

test('a character cut anywhere is whole again', () => {
  const bytes = new TextEncoder().encode('a😀é\nz');
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const buffer = new LogBuffer();
    buffer.append(raw(bytes.slice(0, cut)));
    buffer.append(chunk('', 'stderr'));
    buffer.append(raw(bytes.slice(cut)));
    buffer.append(chunk('!'));
    buffer.end();
    expect(shown(buffer)).toEqual(['# build', '1 stdout a😀é', '2 stdout z!']);
  }
});

test('bytes that are no character are shown as such, half ones at the end too', () => {
  const buffer = new LogBuffer();
  buffer.append(raw(new Uint8Array([0x61, 0xff, 0x62, 0xf0, 0x9f])));
  buffer.end();
  expect(shown(buffer)).toEqual(['# build', '1 stdout a�b�']);
});

test('steps and attempts have heads, and colours last over lines', () => {
  const buffer = new LogBuffer();
  buffer.append(chunk('\u001b[31mred\nstill red\u001b[0m\nplain\n'));
  buffer.append(chunk('next\n', 'stdout', 'test'));
  const lines = buffer.lines.filter(({ kind }) => kind !== 'step');
  expect(lines.map(({ start }) => start.fg)).toEqual([null, 1, null, null]);
  expect(lines.map(({ clean }) => clean)).toEqual([false, false, true, true]);
  expect(shown(buffer).filter((line) => line.startsWith('#'))).toEqual(['# build', '# test']);
});

test('a very long line goes on in further rows under one number', () => {
  const buffer = new LogBuffer();
  buffer.append(chunk(`${'x'.repeat(LONGEST_LINE - 1)}😀yz\nnext\n`));
  const lines = buffer.lines.filter(({ kind }) => kind === 'stdout');
  expect(lines.map(({ number }) => number)).toEqual([1, 0, 2]);
  expect(lines.map(({ text }) => text).join('|')).toBe(`${'x'.repeat(LONGEST_LINE - 1)}|😀yz|next`);
});

test('only the newest are held, and how many are gone is known', () => {
  const buffer = new LogBuffer({ lines: 100, characters: 1_000_000 });
  for (let at = 1; at <= 1000; at += 1) {
    buffer.append(chunk(`line ${at}\n`));
  }
  expect(buffer.lines.length).toBeLessThanOrEqual(110);
  expect(buffer.lines.at(-1)?.text).toBe('line 1000');
  expect(buffer.lines[0]?.number).toBe(buffer.dropped + 1);
});

test('characters are bounded too', () => {
  const buffer = new LogBuffer({ lines: 1000, characters: 10_000 });
  for (let at = 0; at < 100; at += 1) {
    buffer.append(chunk(`${'y'.repeat(999)}\n`));
  }
  expect(buffer.lines.length).toBeLessThan(12);
});

test('columns of wide characters and tabs', () => {
  expect(columnsOf('abc')).toBe(3);
  expect(columnsOf('日本')).toBe(4);
  expect(columnsOf('a\tb')).toBe(9);
  expect(columnsOf('\u001b[31mred')).toBe(3);
  expect(columnsOf('\u0007')).toBe(4);
});
