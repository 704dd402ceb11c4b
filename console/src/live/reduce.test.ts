import { expect, test } from 'vitest';

import type { RunState, RunSummary, RunView, RunbookSummary } from '../api/shapes';
import { LatestRuns } from './latest';
import { type RunPages, mergeIntoPages, mergeIntoRunbooks, newerView } from './reduce';
import { Cursor, waitBefore } from './stream';

const ALL = { states: [], runbook: null };

function run(id: string, state: RunState, runbook = 'deploy'): RunSummary {
  return { id, state, runbook, project: 'default', requested_by: 'anna', requested_at: '2026-11-23T06:00:00Z' };
}

function pages(next: string | null, ...items: RunSummary[]): RunPages {
  return { pages: [{ items, next }], pageParams: [null] };
}

function states(data: RunPages): string[] {
  return data.pages.flatMap((page) => page.items.map(({ id, state }) => `${id} ${state}`));
}

test('a view never goes back', () => {
  const old = { id: 'r', revision: 4 } as RunView;
  const next = { id: 'r', revision: 5 } as RunView;
  expect(newerView(undefined, old)).toBe(old);
  expect(newerView(old, next)).toBe(next);
  expect(newerView(next, old)).toBe(next);
});

test('a list follows its runs', () => {
  const list = pages(null, run('3', 'running'), run('1', 'queued'));
  expect(states(mergeIntoPages(list, ALL, run('3', 'failed')))).toEqual(['3 failed', '1 queued']);
  expect(states(mergeIntoPages(list, ALL, run('4', 'queued')))).toEqual(['4 queued', '3 running', '1 queued']);
  expect(states(mergeIntoPages(list, ALL, run('2', 'queued')))).toEqual(['3 running', '2 queued', '1 queued']);
});

test('a state never goes back in a list', () => {
  const list = pages(null, run('1', 'succeeded'));
  expect(states(mergeIntoPages(list, ALL, run('1', 'running')))).toEqual(['1 succeeded']);
});

test('a filtered list gains and loses runs', () => {
  const filter = { states: ['running' as const], runbook: null };
  const list = pages(null, run('1', 'running'));
  expect(states(mergeIntoPages(list, filter, run('1', 'succeeded')))).toEqual([]);
  expect(states(mergeIntoPages(list, filter, run('2', 'queued')))).toEqual(['1 running']);
  expect(states(mergeIntoPages(list, filter, run('2', 'running')))).toEqual(['2 running', '1 running']);
  const other = { states: [], runbook: 'backup' };
  expect(states(mergeIntoPages(pages(null), other, run('1', 'running')))).toEqual([]);
});

test('a run older than what is loaded waits for its page', () => {
  expect(states(mergeIntoPages(pages('more', run('5', 'failed')), ALL, run('2', 'failed')))).toEqual(['5 failed']);
});

test('an answer that is older than a stream’s word does not set a list back', () => {
  const latest = new LatestRuns();
  latest.note(run('1', 'succeeded'));
  expect(latest.freshen({ items: [run('1', 'running')], next: null }, ALL).items[0]?.state).toBe('succeeded');
  const filter = { states: ['running' as const], runbook: null };
  expect(latest.freshen({ items: [run('1', 'running')], next: null }, filter).items).toEqual([]);
});

test('a runbook knows its newest run', () => {
  const runbook = { name: 'deploy', last_run: run('3', 'running') } as RunbookSummary;
  const last = (next: RunSummary): string | undefined => mergeIntoRunbooks([runbook], next)[0]?.last_run?.state;
  expect(last(run('3', 'failed'))).toBe('failed');
  expect(last(run('4', 'queued'))).toBe('queued');
  expect(last(run('2', 'failed'))).toBe('running');
  expect(last(run('9', 'failed', 'other'))).toBe('running');
});

test('a doubled event is told by its id', () => {
  const cursor = new Cursor();
  expect(['a', 'b', 'a', '', '', 'b', 'c'].map((id) => cursor.isNew(id))).toEqual([
    true,
    true,
    false,
    true,
    true,
    false,
    true,
  ]);
});

test('waiting grows to a bound', () => {
  expect([0, 1, 2, 3, 4, 5, 50].map(waitBefore)).toEqual([500, 500, 1000, 2000, 4000, 8000, 8000]);
});
