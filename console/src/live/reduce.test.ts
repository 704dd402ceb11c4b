import { expect, test } from 'vitest';

import type { RunChange, RunState, RunSummary, RunView, RunbookSummary, StepRun } from '../api/shapes';
import { LatestRuns } from './latest';
import { type RunPages, mergeIntoPages, mergeIntoRunbooks, newerView, withChange } from './reduce';
import { Cursor, waitBefore } from './stream';

const ALL = { states: [], runbook: null, text: '' };

function run(id: string, state: RunState, { runbook = 'deploy', revision = 2 } = {}): RunSummary {
  const requested_at = '2026-11-23T06:00:00Z';
  return { id, state, runbook, revision, project: 'default', requested_by: 'anna', requested_at };
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

function step(name: string, state: StepRun['state'], outputs: Record<string, string> = {}): StepRun {
  return { name, path: name, state, outputs, action: 'run', effect: 'read', attempt: 1 };
}

function view(revision: number, ...steps: StepRun[]): RunView {
  return { id: 'r', revision, state: 'running', steps, outputs: {} } as unknown as RunView;
}

function change(revision: number, places: number[], ...steps: StepRun[]): RunChange {
  return { id: 'r', revision, state: 'running', steps, places } as unknown as RunChange;
}

test('a change puts its steps at their places, and the others stay as they are', () => {
  const old = view(4, step('a', 'succeeded'), step('b', 'running'));
  const next = withChange(
    old,
    change(6, [3, 1, 2], step('d', 'pending'), step('b', 'failed', { x: '1' }), step('c', 'pending')),
  );
  expect(next?.steps.map(({ name, state }) => `${name} ${state}`)).toEqual([
    'a succeeded',
    'b failed',
    'c pending',
    'd pending',
  ]);
  expect(next?.steps[0]).toBe(old.steps[0]);
  expect(next?.revision).toBe(6);
  expect(next?.outputs).toEqual({ b: { x: '1' } });
  expect(next).not.toHaveProperty('places');
  expect(old.steps).toHaveLength(2);
});

test('a change that is older changes nothing, and one that does not fit is not guessed at', () => {
  const old = view(4, step('a', 'running'));
  expect(withChange(old, change(4, [0], step('a', 'pending')))).toBe(old);
  expect(withChange(old, change(5, [2], step('c', 'pending')))).toBeNull();
  expect(withChange(old, change(5, [0, 1], step('a', 'failed')))).toBeNull();
  expect(withChange(undefined, change(5, [0], step('a', 'failed')))).toBeNull();
  expect(withChange({ ...old, id: 'other' }, change(5, [0], step('a', 'failed')))).toBeNull();
});

test('a run moves between running and waiting', () => {
  const list = pages(null, run('1', 'running'));
  const waiting = mergeIntoPages(list, ALL, run('1', 'waiting'));
  expect(states(waiting)).toEqual(['1 waiting']);
  expect(states(mergeIntoPages(waiting, ALL, run('1', 'running')))).toEqual(['1 running']);
});

test('a list that is filtered by words takes up what has them', () => {
  const filter = { states: [], runbook: null, text: 'Deploy' };
  expect(states(mergeIntoPages(pages(null), filter, run('1', 'running')))).toEqual(['1 running']);
  expect(states(mergeIntoPages(pages(null), { ...filter, text: 'backup' }, run('1', 'running')))).toEqual([]);
});

test('a list follows its runs', () => {
  const list = pages(null, run('3', 'running'), run('1', 'queued'));
  expect(states(mergeIntoPages(list, ALL, run('3', 'failed')))).toEqual(['3 failed', '1 queued']);
  expect(states(mergeIntoPages(list, ALL, run('4', 'queued')))).toEqual(['4 queued', '3 running', '1 queued']);
  expect(states(mergeIntoPages(list, ALL, run('2', 'queued')))).toEqual(['3 running', '2 queued', '1 queued']);
});

test('a run never goes back in a list', () => {
  const list = pages(null, run('1', 'succeeded'), run('0', 'running', { revision: 5 }));
  const kept = ['1 succeeded', '0 running'];
  expect(states(mergeIntoPages(list, ALL, run('1', 'running', { revision: 1 })))).toEqual(kept);
  // Between running and waiting only the revision says which is later.
  expect(states(mergeIntoPages(list, ALL, run('0', 'waiting', { revision: 4 })))).toEqual(kept);
  const filter = { states: ['running' as const, 'succeeded' as const], runbook: null, text: '' };
  expect(states(mergeIntoPages(list, filter, run('0', 'waiting', { revision: 4 })))).toEqual(kept);
  expect(states(mergeIntoPages(list, filter, run('0', 'waiting', { revision: 6 })))).toEqual(['1 succeeded']);
});

test('a filtered list gains and loses runs', () => {
  const filter = { states: ['running' as const], runbook: null, text: '' };
  const list = pages(null, run('1', 'running'));
  expect(states(mergeIntoPages(list, filter, run('1', 'succeeded')))).toEqual([]);
  expect(states(mergeIntoPages(list, filter, run('2', 'queued')))).toEqual(['1 running']);
  expect(states(mergeIntoPages(list, filter, run('2', 'running')))).toEqual(['2 running', '1 running']);
  const other = { states: [], runbook: 'backup', text: '' };
  expect(states(mergeIntoPages(pages(null), other, run('1', 'running')))).toEqual([]);
});

test('a run older than what is loaded waits for its page', () => {
  expect(states(mergeIntoPages(pages('more', run('5', 'failed')), ALL, run('2', 'failed')))).toEqual(['5 failed']);
});

test('an answer that is older than a stream’s word does not set a list back', () => {
  const latest = new LatestRuns();
  latest.note(run('1', 'succeeded', { revision: 3 }));
  expect(latest.freshen({ items: [run('1', 'running')], next: null }, ALL).items[0]?.state).toBe('succeeded');
  const filter = { states: ['running' as const], runbook: null, text: '' };
  expect(latest.freshen({ items: [run('1', 'running')], next: null }, filter).items).toEqual([]);
});

test('a runbook knows its newest run', () => {
  const runbook = { name: 'deploy', last_run: run('3', 'running') } as RunbookSummary;
  const last = (next: RunSummary): string | undefined => mergeIntoRunbooks([runbook], next)[0]?.last_run?.state;
  expect(last(run('3', 'failed'))).toBe('failed');
  expect(last(run('4', 'queued'))).toBe('queued');
  expect(last(run('2', 'failed'))).toBe('running');
  expect(last(run('9', 'failed', { runbook: 'other' }))).toBe('running');
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
