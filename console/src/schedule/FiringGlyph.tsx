import type { FiringState, RunState } from '../api/shapes';
import { StateGlyph } from '../show/State';

/** What became of an instant: its run's state, or a shape of its own for why there is none. */
export function FiringGlyph({ state, run }: { state: FiringState; run?: RunState }) {
  if (state === 'fired') {
    return run === undefined ? <StateGlyph state="pending" /> : <StateGlyph state={run} />;
  }
  if (state === 'skipped') {
    return <StateGlyph state="skipped" />;
  }
  return (
    <svg className="sb-glyph sb-glyph-missed" viewBox="0 0 16 16" aria-hidden="true">
      <circle cx="8" cy="8" r="6.25" className="line" strokeDasharray="2.6 2.3" />
      <path d="M8 4.6v4M8 11.2v.1" className="line" />
    </svg>
  );
}
