import { expect, test } from 'vitest';

import { holds, inputsIn } from './showIf';

const SCOPE = {
  region: 'eu',
  other: 'it’s',
  count: 3,
  share: 2.5,
  dry: true,
  sure: false,
  gone: undefined,
  hosts: ['a', 'b'],
  none: [],
};

test.each([
  ["inputs.region == 'eu'", true],
  ['inputs.region == "us"', false],
  ["inputs.region != 'eu'", false],
  ["inputs.region in ['us', 'eu']", true],
  ["inputs.region in ['us', 'eu',]", true],
  ["inputs.region not in ['us']", true],
  ["'a' in inputs.hosts", true],
  ["'z' not in inputs.hosts", true],
  ["'e' in inputs.region", true],
  ['inputs.dry', true],
  ['inputs.sure', false],
  ['not inputs.sure', true],
  ['not not inputs.dry', true],
  ['inputs.dry == true', true],
  ['inputs.sure == false', true],
  ['inputs.count == 3', true],
  ['inputs.count >= 3 and inputs.count < 4', true],
  ['inputs.share > -1', true],
  ["inputs.region == 'us' or inputs.dry", true],
  ["inputs.dry and inputs.region == 'us' or inputs.count == 3", true],
  ["inputs.dry and (inputs.region == 'us' or inputs.count == 4)", false],
  // What is not given equals nothing, and whatever else is asked of it has no value.
  ["inputs.gone == 'x'", false],
  ["inputs.gone != 'x'", true],
  ['inputs.gone == none', false],
  ['inputs.gone', false],
  ['not inputs.gone', false],
  ['not (inputs.sure or inputs.gone)', false],
  ["inputs.gone in ['x']", false],
  ["inputs.gone not in ['x']", false],
  ["'x' not in inputs.gone", false],
  ['inputs.dry or inputs.gone', true],
  ['inputs.sure and inputs.gone', false],
  ["inputs.dry or inputs.stranger == 'x'", true],
  ["inputs.count == 'eu'", false],
  ['true', true],
])('%s', (expression, expected) => {
  expect(holds(expression, SCOPE)).toBe(expected);
});

test.each([
  'inputs.stranger',
  "inputs.sure or inputs.stranger == 'x'",
  'inputs.hosts',
  'inputs.region',
  'inputs.hosts == inputs.none',
  'inputs.dry == 1',
  'steps.a.outputs.b == 1',
  'inputs.hosts | length > 2',
  "inputs.region ~ 'x' == 'eux'",
  'inputs.count + 1 == 4',
  'inputs.gone is defined',
  "inputs.hosts[0] == 'a'",
  'inputs.gone < 3',
  "'it\\'s' == inputs.other",
  "inputs.region == 'eu' if inputs.dry else false",
  'inputs.region ==',
  '(inputs.dry',
  'inputs.dry inputs.sure',
  '',
  'inputs.sure or today() > 3',
])('no answer here: %s', (expression) => {
  expect(holds(expression, SCOPE)).toBeNull();
});

test('the inputs that a text speaks of', () => {
  expect(inputsIn('https://x/{{ inputs.region }}/{{ inputs.count }}?{{ item }}')).toEqual(['region', 'count']);
  expect(inputsIn("inputs.a == 'b' and not inputs.c")).toEqual(['a', 'c']);
});
