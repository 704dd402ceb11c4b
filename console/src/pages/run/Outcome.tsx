import type { RunView } from '../../api/shapes';
import { Ago, Countdown } from '../../show/Moments';
import { Prose } from '../../show/Prose';
import { ProseWithRuns } from '../../show/ProseWithRuns';
import { StateGlyph } from '../../show/State';
import { causeOfRun } from './causes';
import { needingPeople } from './tree';
import { whatThen } from './WaitsFor';

/** Since when the run as a whole waits, and until when: of its lock, or of the only step that waits. */
function Times({ run }: { run: RunView }) {
  const waiting = run.steps.filter((step) => step.state === 'waiting' && step.wait);
  const wait = run.wait ?? (waiting.length === 1 ? waiting[0]?.wait : null);
  if (!wait) {
    return null;
  }
  return (
    <span className="sb-faint">
      {' '}
      (since <Ago at={wait.since} />
      {wait.until && (
        <>
          , {whatThen(wait)} <Countdown to={wait.until} />
        </>
      )}
      )
    </span>
  );
}

/** Why it did not succeed, or what it waits for. */
export function Outcome({ run }: { run: RunView }) {
  if (run.waits_for) {
    return (
      <p className="sb-outcome" data-state={run.state} data-people={needingPeople(run).length > 0 || undefined}>
        <StateGlyph state={run.state === 'queued' ? 'queued' : 'waiting'} />
        <span>
          <strong>Waits for</strong> <ProseWithRuns text={run.waits_for} project={run.project} />
          <Times run={run} />
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
