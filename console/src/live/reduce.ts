import type { InfiniteData } from '@tanstack/react-query';

import type { Page, RunChange, RunFilter, RunState, RunSummary, RunView, RunbookSummary } from '../api/shapes';
import { hasWords } from '../show/words';

const ENDED: ReadonlySet<RunState> = new Set(['succeeded', 'failed', 'canceled', 'unknown']);

export function hasEnded(state: RunState): boolean {
  return ENDED.has(state);
}

/** A run only ever goes forward: of two views the one with more events folded in. */
export function newerView(old: RunView | undefined, next: RunView): RunView {
  return old !== undefined && old.id === next.id && old.revision > next.revision ? old : next;
}

/** The outputs of a run, by step, as its view has them. */
function outputsOf(steps: RunView['steps']): RunView['outputs'] {
  const having = steps.filter(({ outputs }) => Object.keys(outputs).length > 0);
  return Object.fromEntries(having.map((step) => [step.path ?? step.name, step.outputs]));
}

/**
 * A view after some of its steps changed, each put at its place; steps that did not change stay the same objects. `null` if the
 * change cannot be applied, since something between is missing: then the run is to be read again.
 */
export function withChange(view: RunView | undefined, change: RunChange): RunView | null {
  if (view === undefined || view.id !== change.id) {
    return null;
  }
  if (view.revision >= change.revision) {
    return view;
  }
  const { places, steps: changed, ...header } = change;
  if (places.length !== changed.length) {
    return null;
  }
  const steps = view.steps.slice();
  // In ascending order, so that new steps follow those before them.
  for (const at of places.map((_, index) => index).toSorted((a, b) => (places[a] ?? 0) - (places[b] ?? 0))) {
    const place = places[at] ?? -1;
    const step = changed[at];
    if (step === undefined || place < 0 || place > steps.length) {
      return null;
    }
    steps[place] = step;
  }
  const outputs = changed.some((step) => Object.keys(step.outputs).length > 0) ? outputsOf(steps) : view.outputs;
  return { ...header, steps, outputs };
}

/** Of two summaries of one run the later one. */
export function newerSummary(old: RunSummary | undefined, next: RunSummary): RunSummary {
  return old !== undefined && old.revision > next.revision ? old : next;
}

export function shows(filter: RunFilter, run: RunSummary): boolean {
  return (
    (filter.states.length === 0 || filter.states.includes(run.state)) &&
    (filter.runbook === null || filter.runbook === run.runbook)
  );
}

export type RunPages = InfiniteData<Page<RunSummary>, string | null>;

/** Newest first; ids are made of their time. */
function before(a: RunSummary, b: RunSummary): number {
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** A list of runs after one of them changed: replaced, added at its place, or gone because the filter no longer shows it. */
export function mergeIntoPages(pages: RunPages, filter: RunFilter, run: RunSummary): RunPages {
  const known = pages.pages.some((page) => page.items.some((item) => item.id === run.id));
  const shown = shows(filter, run);
  if (known) {
    return {
      ...pages,
      pages: pages.pages.map((page) => ({
        ...page,
        items: page.items.flatMap((item) =>
          item.id !== run.id ? [item] : shown ? [newerSummary(item, run)] : item.revision > run.revision ? [item] : [],
        ),
      })),
    };
  }
  const [first, ...rest] = pages.pages;
  // Does it belong into a list that was filtered by words? As the server does it, about.
  if (!shown || !hasWords([run.runbook, run.title, run.reason], filter.text) || first === undefined) {
    return pages;
  }
  // Older than all that is loaded, and more is to come: it will come with its page.
  const oldest = first.items.at(-1);
  if (oldest !== undefined && before(run, oldest) > 0 && first.next) {
    return pages;
  }
  return { ...pages, pages: [{ ...first, items: [run, ...first.items].toSorted(before) }, ...rest] };
}

/** A list of runbooks after one of their runs changed. */
export function mergeIntoRunbooks(runbooks: RunbookSummary[], run: RunSummary): RunbookSummary[] {
  return runbooks.map((runbook) => {
    const last = runbook.last_run ?? undefined;
    if (runbook.name !== run.runbook || (last !== undefined && last.id > run.id)) {
      return runbook;
    }
    return { ...runbook, last_run: last?.id === run.id ? newerSummary(last, run) : run };
  });
}
