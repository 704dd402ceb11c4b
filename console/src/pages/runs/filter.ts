import type { RunFilter, RunState } from '../../api/shapes';

export const RUN_STATES: readonly RunState[] = [
  'queued',
  'running',
  'waiting',
  'canceling',
  'succeeded',
  'failed',
  'canceled',
  'unknown',
];

/** The filter that an address says; words it does not know are passed over. */
export function filterFrom(query: URLSearchParams): RunFilter {
  const words = (query.get('state') ?? '').split(',');
  const runbook = query.get('runbook');
  return {
    states: RUN_STATES.filter((state) => words.includes(state)),
    runbook: runbook === '' ? null : runbook,
    text: query.get('q') ?? '',
  };
}

export function toQuery({ states, runbook, text }: RunFilter): URLSearchParams {
  const query = new URLSearchParams();
  if (states.length > 0) {
    query.set('state', states.join(','));
  }
  if (runbook !== null) {
    query.set('runbook', runbook);
  }
  if (text !== '') {
    query.set('q', text);
  }
  return query;
}

export function toggled(states: RunState[], state: RunState): RunState[] {
  return RUN_STATES.filter((each) => (each === state ? !states.includes(each) : states.includes(each)));
}
