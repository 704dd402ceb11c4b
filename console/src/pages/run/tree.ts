import type { Body, Phase, RunView, StepRun, StepState } from '../../api/shapes';

/** A part of the tree: the steps of one phase of something. */
export interface Part {
  phase: Phase;
  places: number[];
}

/** What is in a run or a step, by phase, in the order in which it is performed. */
export function partsOf(body: Body): Part[] {
  const parts: Part[] = [
    { phase: 'main', places: body.children ?? [] },
    { phase: 'on_failure', places: body.on_failure ?? [] },
    { phase: 'cleanup', places: body.cleanup ?? [] },
  ];
  return parts.filter(({ places }) => places.length > 0);
}

/** The outermost steps; a run of before there was a tree has them all in a row. */
export function outermost(run: RunView): Part[] {
  const parts = partsOf(run);
  return parts.length > 0 || run.steps.length === 0 ? parts : [{ phase: 'main', places: run.steps.map((_, at) => at) }];
}

export function pathOf(step: StepRun): string {
  return step.path ?? step.name;
}

export function hasInside(step: Body): boolean {
  return partsOf(step).length > 0;
}

/** Is it one step that is performed many times? */
export function isRepeated(step: StepRun): boolean {
  return step.layer === 'items' || step.layer === 'targets';
}

/** The place of the step with this address; of a group that was tried again the last one counts. */
export function placeOf(run: RunView, path: string): number | null {
  const at = run.steps.findLastIndex((step) => pathOf(step) === path);
  return at === -1 ? null : at;
}

/** The steps that it is in, from the outermost to itself. */
export function lineage(run: RunView, place: number): number[] {
  const line: number[] = [];
  let at: number | null | undefined = place;
  while (typeof at === 'number' && !line.includes(at)) {
    line.unshift(at);
    at = run.steps[at]?.parent;
  }
  return line;
}

/** Do the steps of this one write into this step's log? */
export function isWithin(path: string, step: string): boolean {
  return step === path || (step.startsWith(path) && (step[path.length] === '.' || step[path.length] === '['));
}

const ORDER: readonly StepState[] = [
  'failed',
  'unknown',
  'waiting',
  'running',
  'pending',
  'succeeded',
  'skipped',
  'canceled',
];

/** How many there are of each state, the worrying first. */
export function counted(steps: StepRun[], places: number[]): [StepState, number][] {
  const counts = new Map<StepState, number>();
  for (const place of places) {
    const state = steps[place]?.state;
    if (state !== undefined) {
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
  }
  return ORDER.flatMap((state) => {
    const count = counts.get(state);
    return count === undefined ? [] : [[state, count] as [StepState, number]];
  });
}

/** More of them in one place stay folded until one looks. */
const MANY = 12;

/** Is a step open before anybody said so? What has ended well, has not begun, or is long, is not. */
export function opensByItself(step: StepRun): boolean {
  const inside = partsOf(step).reduce((sum, { places }) => sum + places.length, 0);
  return inside <= MANY && !['succeeded', 'skipped', 'canceled'].includes(step.state);
}

/** How a step is called beneath the one that it is in: its own name, or the item or target that it is for. */
export function labelOf(step: StepRun): string {
  const { branch } = step;
  if (!branch) {
    return step.name;
  }
  if ('target' in branch) {
    return branch.target.name;
  }
  const { value, index } = branch.item;
  return typeof value === 'string' || typeof value === 'number'
    ? String(value)
    : `${index + 1}: ${JSON.stringify(value)}`;
}

/** The steps that wait for a person, in the order of their beginning. */
export function needingPeople(run: RunView): number[] {
  const found: number[] = [];
  run.steps.forEach((step, place) => {
    if (step.state === 'waiting' && step.wait && ['person', 'approval', 'lost'].includes(step.wait.for)) {
      found.push(place);
    }
  });
  return found.toSorted((a, b) => {
    const one = run.steps[a]?.wait?.since ?? '';
    const other = run.steps[b]?.wait?.since ?? '';
    return one < other ? -1 : one > other ? 1 : a - b;
  });
}
