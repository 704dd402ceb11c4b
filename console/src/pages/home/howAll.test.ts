import { expect, test } from 'vitest';

import type { Health, ServiceSummary } from '../../api/shapes';
import { howAll } from './howAll';

function service(name: string, ...healths: Health[]): ServiceSummary {
  const environments = healths.map((health, at) => ({ environment: `e${at}`, health, cause: '' }));
  return { project: 'default', name, lifecycle: 'production', health: 'ok', environments };
}

test('what is ill is named where it is, and what is unknown is neither ill nor well', () => {
  const { ill, unknown } = howAll([
    service('shop', 'ok', 'stale', 'bad'),
    service('mail', 'unknown', 'degraded'),
    service('search', 'unknown'),
    service('ledger', 'ok', 'unknown'),
    service('fine', 'ok', 'ok'),
  ]);
  expect(ill.map(({ service: { name }, here }) => [name, here.environment, here.health])).toEqual([
    ['shop', 'e2', 'bad'],
    ['mail', 'e1', 'degraded'],
  ]);
  expect(unknown).toBe(2);
  expect(howAll([service('fine', 'ok')])).toEqual({ ill: [], unknown: 0 });
});
