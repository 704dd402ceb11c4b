import type { InfiniteData } from '@tanstack/react-query';

import type { Page, RunFilter, RunState, RunSummary, RunView, RunbookSummary } from '../api/shapes';

const ENDED: ReadonlySet<RunState> = new Set(['succeeded', 'failed', 'canceled', 'unknown']);

export function hasEnded(state: RunState): boolean {
  return ENDED.has(state);
}

/** A run only ever goes forward: of two views the one with more events folded in. */
export function newerView(old: RunView | undefined, next: RunView): RunView {
  return old !== undefined && old.id === next.id && old.revision > next.revision ? old : next;
}

function stage(run: RunSummary): number {
  return run.state === 'queued' ? 0 : run.state === 'running' ? 1 : run.state === 'canceling' ? 2 : 3;
}

/** Of two summaries of one run the later one; they carry no revision, but a state never goes back. */
export function newerSummary(old: RunSummary | undefined, next: RunSummary): RunSummary {
  return old !== undefined && stage(old) > stage(next) ? old : next;
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
          item.id !== run.id ? [item] : shown ? [newerSummary(item, run)] : stage(item) > stage(run) ? [item] : [],
        ),
      })),
    };
  }
  const [first, ...rest] = pages.pages;
  if (!shown || first === undefined) {
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
