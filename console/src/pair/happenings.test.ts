import { expect, test } from 'vitest';

import type { Happening, RunSummary } from '../api/shapes';
import { inPlace, told } from './happenings';

const RUN: RunSummary = {
  id: 'r1',
  project: 'p',
  runbook: 'release',
  state: 'running',
  revision: 1,
  requested_by: 'anna',
  requested_at: '2026-11-26T00:00:09Z',
};

function fact(second: string, key: string, values: { value?: string; previous?: string }): Happening {
  const at = `2026-11-26T00:00:${second}Z`;
  return { at, service: 'shop', what: 'fact', environment: 'production', key, run: 'r0', ...values };
}

test('another environment’s health and facts are not told, nor the run that one looks at', () => {
  const health: Happening = {
    at: '2026-11-26T00:00:08Z',
    service: 'shop',
    what: 'health',
    environment: 'staging',
    before: 'ok',
    health: 'bad',
    cause: '',
  };
  const run: Happening = { at: RUN.requested_at, service: 'shop', what: 'run', run: RUN };
  const firing: Happening = { at: RUN.requested_at, service: 'shop', what: 'firing', schedule: 's', reason: '' };
  const all = [run, health, fact('07', 'version', { value: '1' }), firing];
  const kinds = (environment: string, own?: string) =>
    inPlace(all, { service: 'shop', environment }, own).map(({ what }) => what);
  expect(kinds('production')).toEqual(['run', 'fact', 'firing']);
  expect(kinds('production', 'r1')).toEqual(['fact', 'firing']);
  expect(kinds('staging', 'r1')).toEqual(['health', 'firing']);
});

test('facts that are seen first are one line, each change is its own', () => {
  const lines = told([
    fact('09', 'version', { value: '2', previous: '1' }),
    fact('09', 'kernel', { previous: '6' }),
    fact('05', 'disk', { value: '90' }),
    fact('05', 'version', { value: '1' }),
    fact('01', 'kernel', { value: '6' }),
  ]);
  expect(lines.map(({ seen }) => seen)).toEqual([[], [], ['disk', 'version'], ['kernel']]);
});
