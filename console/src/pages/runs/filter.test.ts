import { expect, test } from 'vitest';

import { filterFrom, toQuery, toggled } from './filter';

test('a filter is its address', () => {
  const filter = { states: ['running' as const, 'failed' as const], runbook: 'deploy', text: 'OPS-7' };
  expect(toQuery(filter).toString()).toBe('state=running%2Cfailed&runbook=deploy&q=OPS-7');
  expect(filterFrom(toQuery(filter))).toEqual(filter);
  expect(filterFrom(new URLSearchParams('state=odd,failed&runbook='))).toEqual({
    states: ['failed'],
    runbook: null,
    text: '',
  });
});

test('states are switched one by one', () => {
  expect(toggled(['failed'], 'running')).toEqual(['running', 'failed']);
  expect(toggled(['running', 'failed'], 'running')).toEqual(['failed']);
});
