import { expect, test } from 'vitest';

import type { RunView, StepRun } from '../../api/shapes';
import { counted, isWithin, labelOf, lineage, needingPeople, opensByItself, outermost, partsOf, placeOf } from './tree';

function step(path: string, more: Partial<StepRun> = {}): StepRun {
  const name = path.split('.').at(-1)?.replace(/\[.*/, '') ?? path;
  return { name, path, action: 'run', effect: 'read', state: 'pending', attempt: 0, outputs: {}, ...more } as StepRun;
}

const RUN = {
  children: [0, 5],
  on_failure: [6],
  cleanup: [7],
  steps: [
    step('roll', { children: [1, 2], layer: 'targets', state: 'running' }),
    step('roll[web1]', { parent: 0, children: [3], branch: { target: { name: 'web1' } }, state: 'running' }),
    step('roll[web2]', { parent: 0, branch: { target: { name: 'web2' } } }),
    step('roll[web1].drain', { parent: 1, state: 'failed' }),
    step('roll[web1].drain', {
      parent: 1,
      state: 'waiting',
      wait: { for: 'lost', attempt: 1, message: '', since: '2' },
    }),
    step('look', { state: 'waiting', wait: { for: 'approval', message: '?', since: '1' } }),
    step('report'),
    step('undrain'),
  ],
} as unknown as RunView;

test('a run has parts by phase', () => {
  expect(outermost(RUN)).toEqual([
    { phase: 'main', places: [0, 5] },
    { phase: 'on_failure', places: [6] },
    { phase: 'cleanup', places: [7] },
  ]);
  expect(partsOf(RUN.steps[5] as StepRun)).toEqual([]);
  expect(outermost({ steps: [step('a'), step('b')] } as unknown as RunView)).toEqual([
    { phase: 'main', places: [0, 1] },
  ]);
});

test('an address leads to the last step that has it, and to what that is in', () => {
  expect(placeOf(RUN, 'roll[web1].drain')).toBe(4);
  expect(placeOf(RUN, 'nowhere')).toBeNull();
  expect(lineage(RUN, 4)).toEqual([0, 1, 4]);
  expect(lineage({ steps: [step('a', { parent: 0 })] } as unknown as RunView, 0)).toEqual([0]);
});

test('what is in a step writes into its log', () => {
  expect(isWithin('roll', 'roll')).toBe(true);
  expect(isWithin('roll', 'roll[web1].drain')).toBe(true);
  expect(isWithin('roll[web1]', 'roll[web1].drain')).toBe(true);
  expect(isWithin('roll', 'rollback')).toBe(false);
  expect(isWithin('roll[web1]', 'roll[web10]')).toBe(false);
});

test('states are counted, the worrying first', () => {
  expect(counted(RUN.steps, [0, 1, 2, 3, 4])).toEqual([
    ['failed', 1],
    ['waiting', 1],
    ['running', 2],
    ['pending', 1],
  ]);
});

test('what has ended well or is long stays folded', () => {
  expect(opensByItself(step('a', { state: 'running', children: [1, 2] }))).toBe(true);
  expect(opensByItself(step('a', { state: 'failed', children: [1] }))).toBe(true);
  expect(opensByItself(step('a', { state: 'succeeded', children: [1] }))).toBe(false);
  expect(opensByItself(step('a', { state: 'running', children: Array.from({ length: 13 }, (_, at) => at) }))).toBe(
    false,
  );
});

test('a repeated step is called by its item or target', () => {
  expect(labelOf(step('a'))).toBe('a');
  expect(labelOf(step('a[x]', { branch: { item: { index: 0, value: 'x' } } }))).toBe('x');
  expect(labelOf(step('a[1]', { branch: { item: { index: 1, value: { db: 'orders' } } } }))).toBe('2: {"db":"orders"}');
  expect(labelOf(step('a[w]', { branch: { target: { name: 'w' } } }))).toBe('w');
});

test('whoever waited longest comes first', () => {
  expect(needingPeople(RUN)).toEqual([5, 4]);
});
