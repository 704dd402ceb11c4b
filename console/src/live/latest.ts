import type { Page, RunFilter, RunSummary } from '../api/shapes';
import { newerSummary, shows } from './reduce';

const REMEMBERED = 500;

/** What streams said last about each run, so that a list asked for a moment earlier cannot set it back. */
export class LatestRuns {
  #runs = new Map<string, RunSummary>();

  note(run: RunSummary): void {
    const newest = newerSummary(this.#runs.get(run.id), run);
    this.#runs.delete(run.id);
    this.#runs.set(run.id, newest);
    if (this.#runs.size > REMEMBERED) {
      for (const oldest of this.#runs.keys()) {
        this.#runs.delete(oldest);
        break;
      }
    }
  }

  freshen(page: Page<RunSummary>, filter: RunFilter): Page<RunSummary> {
    const items = page.items.map((run) => {
      const known = this.#runs.get(run.id);
      return known === undefined ? run : newerSummary(known, run);
    });
    return { ...page, items: items.filter((run) => shows(filter, run)) };
  }
}

export const latestRuns = new LatestRuns();
