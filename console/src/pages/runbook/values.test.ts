import { expect, test } from 'vitest';

import type { Input } from '../../api/shapes';
import { faultsOf, firstValues, toInputs, typed } from './values';

const text: Input = { name: 'text', type: 'string' };
const note: Input = { name: 'note', type: 'string', default: 'hello' };
const count: Input = { name: 'count', type: 'integer', required: true };
const dry: Input = { name: 'dry', type: 'boolean' };
const sure: Input = { name: 'sure', type: 'boolean', default: false };
const region: Input = { name: 'region', type: 'choice', options: ['eu', 'us'], required: true };
const all = [text, note, count, dry, sure, region];

test('a form begins with the defaults', () => {
  expect(firstValues(all)).toEqual({ text: null, note: 'hello', count: null, dry: null, sure: 'false', region: null });
});

test('or with what an earlier run was given, and nothing else', () => {
  const earlier = { text: 'a\r\nb', count: 7, dry: false, region: 'mars' };
  expect(firstValues(all, earlier)).toEqual({
    text: 'a\r\nb',
    note: null,
    count: '7',
    dry: 'false',
    sure: null,
    region: null,
  });
});

function faulty(values: Record<string, string | null>): string[] {
  return [...faultsOf(all, values).keys()];
}

test('what is needed and what is a number is known before it is sent', () => {
  expect(faulty({})).toEqual(['count', 'region']);
  expect(faulty({ count: '1.5', region: 'eu' })).toEqual(['count']);
  expect(faulty({ count: '0x10', region: 'eu' })).toEqual(['count']);
  expect(faulty({ count: '9007199254740992', region: 'eu' })).toEqual(['count']);
  expect(faulty({ count: ' -9007199254740991 ', region: 'eu' })).toEqual([]);
});

test('what was not given is not sent; integers are sent as digits', () => {
  const values = { text: null, note: 'hello', count: '9007199254740991', dry: null, sure: 'true', region: 'eu' };
  expect(toInputs(all, values)).toEqual({ note: 'hello', count: '9007199254740991', sure: true, region: 'eu' });
  expect(toInputs([dry], { dry: 'false' })).toEqual({ dry: false });
});

test('hostile text is sent as it is', () => {
  const hostile = `'; rm -rf / #\n$(id) "quoted" \u202e 😀 \r\n\t`;
  expect(toInputs([text], { text: hostile })).toEqual({ text: hostile });
});

test('an emptied text with a default is the empty text, one without is not given', () => {
  expect(typed(note, '')).toBe('');
  expect(typed(text, '')).toBeNull();
  expect(typed(count, '')).toBeNull();
  expect(toInputs([note], { note: '' })).toEqual({ note: '' });
});
