import { expect, test } from 'vitest';

import type { Input } from '../api/shapes';
import { fromLink, toLink } from './link';
import { firstValues } from './values';

const INPUTS: Input[] = [
  { name: 'region', type: 'choice', options: ['eu', 'us'] },
  { name: 'hosts', type: 'list' },
  { name: 'note', type: 'text', default: 'x' },
  { name: 'times', type: 'integer', default: 3 },
  { name: 'password', type: 'secret' },
  { name: 'dump', type: 'file' },
];

test('a link fills the form, and says only what differs', () => {
  const values = {
    ...firstValues(INPUTS),
    region: 'eu',
    hosts: ['a b', 'c=d', '"'],
    note: '',
    password: 'hunter2',
    dump: { file: 'abc', name: 'dump.sql', size: 3 },
  };
  const link = toLink(INPUTS, values, ' OPS-7 ').toString();
  expect(link).not.toContain('hunter2');
  expect(link).not.toContain('dump');
  expect(link).not.toContain('times');
  const query = new URLSearchParams(link);
  expect(query.get('reason')).toBe('OPS-7');
  expect(fromLink(INPUTS, query)).toEqual({ region: 'eu', hosts: ['a b', 'c=d', '"'], note: '' });
});

test('what a link may not give is passed over', () => {
  const query = new URLSearchParams('i=password=x&i=dump=y&i=stranger=z&i==&i=times&i=times=4&i=hosts=a%0Ab');
  expect(fromLink(INPUTS, query)).toEqual({ times: '4', hosts: ['a', 'b'] });
});
