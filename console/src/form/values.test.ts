import { expect, test } from 'vitest';

import type { Input } from '../api/shapes';
import { faultOf, faultsOf, jsonFault } from './faults';
import { computedAt, firstValues, openInputs, shownFields, toGiven, toInputs, typed } from './values';

const INPUTS: Input[] = [
  { name: 'text', type: 'string', required: true },
  { name: 'note', type: 'string', default: 'first' },
  { name: 'count', type: 'integer', default: 3 },
  { name: 'dry', type: 'boolean', default: true },
  { name: 'sure', type: 'boolean' },
  { name: 'region', type: 'choice', options: ['eu', 'us'] },
];
const NOW = computedAt(new Date('2026-11-26T10:00:00.123Z'), 'ada');

function all(inputs: Input[]): Map<string, 'yes'> {
  return new Map(inputs.map(({ name }) => [name, 'yes']));
}

test('a form begins with the defaults, or with what an earlier run was given', () => {
  expect(firstValues(INPUTS)).toEqual({
    text: null,
    note: 'first',
    count: '3',
    dry: 'true',
    sure: null,
    region: null,
  });
  const earlier = firstValues(INPUTS, { text: '1', count: 5, dry: false, region: 'gone' });
  expect(earlier).toEqual({ text: '1', note: null, count: '5', dry: 'false', sure: null, region: null });
});

function of(type: Input['type'], value: unknown, more: object = {}): unknown {
  return toGiven({ name: 'x', type, ...more } as Input, value);
}

test('every kind of value stands in its field as one types it', () => {
  expect(of('duration', 5400)).toBe('1h30m');
  expect(of('list', ['a', 1])).toEqual(['a', '1']);
  expect(of('json', { a: [1] })).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(of('percentage', 12.5)).toBe('12.5');
  expect(of('choice', ['eu', 'gone'], { multiple: true, options: ['eu', 'us'] })).toEqual(['eu']);
  expect(of('choice', 'mars', { free: true, options: ['eu'] })).toBe('mars');
  expect(of('choice', 'mars', { from: { url: { url: 'x' } }, options: [] })).toBe('mars');
  expect(of('file', { file: 'abc', name: 'a', size: 1 })).toEqual({ file: 'abc', name: 'a', size: 1 });
  expect(of('file', { sealed: true })).toBeNull();
  expect(of('secret', { sealed: true })).toBeNull();
});

test('what is not given is not sent, and what is given is sent as it is', () => {
  const values = { text: ' x\n', note: '', count: ' +07 ', dry: 'false', sure: null, region: null };
  expect(toInputs(INPUTS, values)).toEqual({ text: ' x\n', note: '', count: '07', dry: false });
  const many: Input[] = [
    { name: 'none', type: 'list' },
    { name: 'cleared', type: 'list', default: ['a'] },
    { name: 'hosts', type: 'list' },
    { name: 'json', type: 'json' },
    { name: 'file', type: 'file' },
    { name: 'secret', type: 'secret' },
  ];
  const file = { file: 'abc', name: 'a', size: 1 };
  expect(
    toInputs(many, {
      none: [],
      cleared: [],
      hosts: ['a', ''],
      json: ' {"big": 9007199254740993}',
      file,
      secret: ' s ',
    }),
  ).toEqual({ cleared: [], hosts: ['a', ''], json: ' {"big": 9007199254740993}', file, secret: ' s ' });
});

test('hostile text is sent as it is', () => {
  const hostile = `'; rm -rf / #\n$(id) "quoted" \u202e 😀 \r\n\t`;
  expect(toInputs(INPUTS.slice(0, 1), { text: hostile })).toEqual({ text: hostile });
});

test('an emptied field gives nothing, unless that would bring a default back', () => {
  const [text, note, count] = INPUTS as [Input, Input, Input];
  expect(typed(text, '')).toBeNull();
  expect(typed(note, '')).toBe('');
  expect(typed(count, '')).toBeNull();
  expect(typed(text, ' ')).toBe(' ');
});

test('what is wrong is known before anything is sent', () => {
  const values = firstValues(INPUTS);
  expect([...faultsOf(INPUTS, values, all(INPUTS)).keys()]).toEqual(['text']);
  expect([...faultsOf(INPUTS, { ...values, text: 'x', count: '1.5' }, all(INPUTS)).keys()]).toEqual(['count']);
  expect(faultsOf(INPUTS, { ...values, text: 'x', count: '' }, all(INPUTS)).size).toBe(0);
});

test.each([
  [{ type: 'integer', min: 1, max: 9 }, ['1', '9', '+3'], ['0', '10', '1.5', 'x', '0x3', '9007199254740993']],
  [{ type: 'integer' }, [' -9007199254740991 '], ['9007199254740992']],
  [{ type: 'number', min: 0 }, ['0', '2.5', '1e3', '.5'], ['-1', 'x', '1,5', '1e999', '0x10']],
  [{ type: 'percentage' }, ['0', '100', '12.5', '25%', '25 %'], ['101', '-1', '%', 'x']],
  [{ type: 'duration', min_s: 60, max_s: 3600 }, ['1m', '1h', '90s'], ['59s', '1h1s', '5', 'soon']],
  [{ type: 'string', pattern: 'OPS-\\d+', max_length: 6 }, ['OPS-1'], ['ops-1', 'OPS-1x', 'OPS-123']],
  [{ type: 'string', pattern: '(?i)[a-z]+' }, ['whatever 1'], []],
  [{ type: 'string', min_length: 2 }, ['😀😀'], ['😀']],
  [{ type: 'text', max_length: 3 }, ['a\nb'], ['a\nbc']],
  [{ type: 'date' }, ['2026-11-26'], ['26.11.2026']],
  [{ type: 'datetime' }, ['2026-11-26T10:00:00Z'], ['now']],
  [{ type: 'json' }, ['null', '{"a": 1}'], ['{a: 1}', '{', '"x"']],
  [{ type: 'list', min_items: 1, max_items: 2 }, [['a'], ['a', 'b']], [['a', 'b', 'c']]],
  [{ type: 'file', max_bytes: 10 }, [{ file: 'x', name: 'x', size: 10 }], [{ file: 'x', name: 'x', size: 11 }]],
])('the values that are good for %j', (kind, good, bad) => {
  const input = { name: 'x', ...kind } as Input;
  for (const value of good) {
    expect(faultOf(input, value), JSON.stringify(value)).toBeNull();
  }
  for (const value of bad) {
    expect(faultOf(input, value), JSON.stringify(value)).not.toBeNull();
  }
});

test('broken JSON is told with its place', () => {
  expect(jsonFault('{\n  "a": x\n}')).toMatch(/line 2, column 8|not JSON/);
});

const CONDITIONAL: Input[] = [
  { name: 'kind', type: 'choice', options: ['full', 'part'], default: 'part' },
  { name: 'tables', type: 'list', required: true, show_if: "inputs.kind == 'part'" },
  { name: 'why', type: 'string', required: true, show_if: "'a' in inputs.tables" },
  { name: 'odd', type: 'string', required: true, show_if: 'inputs.tables | length > 3' },
  { name: 'after', type: 'string', show_if: "inputs.odd == 'x'" },
  { name: 'own', type: 'string', default_from: 'caller' },
  { name: 'hers', type: 'string', show_if: "inputs.own == 'ada'" },
];

function shownWith(values: Record<string, string | string[]>): string {
  return [...shownFields(CONDITIONAL, { ...firstValues(CONDITIONAL), ...values }, NOW).values()].join(' ');
}

test('a field is asked for while its condition holds, and what it hides counts as not given', () => {
  expect(shownWith({})).toBe('yes yes no unsure unsure yes yes');
  expect(shownWith({ tables: ['a'] })).toBe('yes yes yes unsure unsure yes yes');
  expect(shownWith({ kind: 'full', tables: ['a'] })).toBe('yes no no unsure unsure yes yes');
  expect(shownWith({ own: 'bob' })).toBe('yes yes no unsure unsure yes no');
});

test('a field that is not asked for is not found wrong', () => {
  const values = firstValues(CONDITIONAL);
  const shown = shownFields(CONDITIONAL, values, NOW);
  expect([...faultsOf(CONDITIONAL, values, shown).keys()]).toEqual(['tables']);
});

test('secrets and files stay out of what is kept', () => {
  const inputs: Input[] = [
    { name: 'a', type: 'string' },
    { name: 'b', type: 'secret' },
    { name: 'c', type: 'file' },
  ];
  expect(openInputs(inputs).map(({ name }) => name)).toEqual(['a']);
});
