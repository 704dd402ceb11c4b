import { expect, test } from 'vitest';

import type { EnvironmentHealth, Health, ServiceSummary } from '../../api/shapes';
import { ALL_SERVICES, environmentsOf, filterFrom, findServices, teamsOf, toQuery, toggled } from './filter';

function service(name: string, states: Record<string, Health>, more: Partial<ServiceSummary> = {}): ServiceSummary {
  const environments: EnvironmentHealth[] = Object.entries(states).map(([environment, health]) => ({
    environment,
    health,
    cause: `${name} is ${health}`,
  }));
  return { project: 'default', name, lifecycle: 'production', health: 'ok', environments, ...more };
}

const SHOP = service(
  'shop',
  { staging: 'ok', production: 'bad' },
  { title: 'The Shop', owner: 'web', operator: 'ops' },
);
const MAIL = service('mail', { production: 'unknown', staging: 'stale' }, { owner: 'ops', lifecycle: 'deprecated' });
const SEARCH = service('search', { production: 'ok' }, { owner: 'web' });
const ALL = [SHOP, MAIL, SEARCH];

function names(filter: Partial<typeof ALL_SERVICES>): string[] {
  return findServices(ALL, { ...ALL_SERVICES, ...filter }).rows.map((row) => row.service.name);
}

test('a filter is its address', () => {
  const filter = {
    healths: ['bad' as const, 'unknown' as const],
    team: 'web',
    environment: 'staging',
    lifecycle: 'deprecated' as const,
    text: 'the shop',
  };
  expect(toQuery(filter).toString()).toBe(
    'health=bad%2Cunknown&team=web&environment=staging&lifecycle=deprecated&q=the+shop',
  );
  expect(filterFrom(toQuery(filter))).toEqual(filter);
  expect(filterFrom(new URLSearchParams('health=odd,ok&team=&lifecycle=old'))).toEqual({
    ...ALL_SERVICES,
    healths: ['ok'],
  });
  expect(toQuery(ALL_SERVICES).toString()).toBe('');
});

test('each part of a filter leaves what it says', () => {
  expect(names({})).toEqual(['shop', 'mail', 'search']);
  expect(names({ team: 'ops' })).toEqual(['shop', 'mail']);
  expect(names({ lifecycle: 'deprecated' })).toEqual(['mail']);
  expect(names({ text: 'SHOP the' })).toEqual(['shop']);
  expect(names({ healths: ['ok'] })).toEqual(['shop', 'search']);
  expect(names({ healths: ['bad', 'stale'] })).toEqual(['shop', 'mail']);
});

test('a service is shown where it is worst, or as it is in the environment that one looks at', () => {
  expect(findServices(ALL, ALL_SERVICES).rows[0]?.here.environment).toBe('production');
  const staging = findServices(ALL, { ...ALL_SERVICES, environment: 'staging' });
  expect(staging.rows.map(({ service: { name }, here }) => [name, here.health])).toEqual([
    ['mail', 'stale'],
    ['shop', 'ok'],
  ]);
  expect(names({ environment: 'staging', healths: ['bad'] })).toEqual([]);
});

test('states are counted as they would be shown', () => {
  expect(findServices(ALL, { ...ALL_SERVICES, healths: ['bad'] }).counts).toEqual({
    bad: 1,
    data_error: 0,
    stale: 1,
    unknown: 1,
    degraded: 0,
    ok: 2,
  });
  expect(findServices(ALL, { ...ALL_SERVICES, environment: 'staging' }).counts).toMatchObject({ ok: 1, bad: 0 });
});

test('states are switched one by one, worst first', () => {
  expect(toggled(['ok'], 'bad')).toEqual(['bad', 'ok']);
  expect(toggled(['bad', 'ok'], 'bad')).toEqual(['ok']);
});

test('what may be chosen is what there is', () => {
  expect(environmentsOf(ALL)).toEqual(['production', 'staging']);
  expect(teamsOf(ALL)).toEqual(['ops', 'web']);
});
