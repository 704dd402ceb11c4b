import type { RunView } from '../../api/shapes';
import { Prose } from '../../show/Prose';
import { StateGlyph } from '../../show/State';
import { causeOfRun } from './causes';

/** Why it did not succeed, or what it waits for. */
export function Outcome({ run }: { run: RunView }) {
  if (run.waits_for) {
    return (
      <p className="sb-outcome" data-state={run.state}>
        <StateGlyph state="queued" />
        <span>
          <strong>Waits for</strong> <Prose text={run.waits_for} />
        </span>
      </p>
    );
  }
  const cause = causeOfRun(run);
  if (run.state === 'succeeded' || (!run.message && cause === null)) {
    return null;
  }
  return (
    <p className="sb-outcome" data-state={run.state}>
      <StateGlyph state={run.state} />
      <span>
        {run.message ? <Prose text={run.message} /> : cause}
        {run.state === 'unknown' && ' Nobody can say how it ended: look at what it did before it runs again.'}
      </span>
    </p>
  );
}
