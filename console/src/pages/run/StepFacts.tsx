import { type ReactNode } from 'react';

import { uploadAddress } from '../../api/upload';
import type { AnswerVerdict, RunView, StepRun } from '../../api/shapes';
import { CopyButton } from '../../show/CopyButton';
import { EffectLabel } from '../../show/Effect';
import { Icon } from '../../show/Icon';
import { Moment, Took } from '../../show/Moments';
import { Prose } from '../../show/Prose';
import { StateLabel } from '../../show/State';
import { bytes } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';
import { causeOf } from './causes';
import { InputValues } from './InputValues';
import { pathOf } from './tree';
import { WaitsFor } from './WaitsFor';

const VERDICTS: Record<AnswerVerdict, string> = {
  done: 'said that it is done',
  failed: 'said that it failed',
  approved: 'approved it',
  declined: 'declined it',
  resolved_succeeded: 'said that the lost attempt succeeded',
  resolved_failed: 'said that the lost attempt failed',
  resolved_retry: 'let the lost attempt be made again',
};

function Answered({ step, project }: { step: StepRun; project: string }) {
  const { answer } = step;
  if (!answer) {
    return null;
  }
  return (
    <p>
      <strong>
        <VisibleText text={answer.by.name} />
      </strong>{' '}
      {VERDICTS[answer.verdict]} at <Moment at={answer.at} />
      {answer.comment && (
        <>
          : <VisibleText text={answer.comment} lines />
        </>
      )}
      {answer.evidence && (
        <>
          {' '}
          <a href={uploadAddress(project, answer.evidence)} download={answer.evidence.name}>
            <VisibleText text={answer.evidence.name} />
          </a>{' '}
          <span className="sb-faint">({bytes(answer.evidence.size)})</span>
        </>
      )}
    </p>
  );
}

function Target({ step }: { step: StepRun }): ReactNode {
  if (!step.branch || !('target' in step.branch)) {
    return null;
  }
  const { address, environment, labels = {} } = step.branch.target;
  return (
    <p>
      {address && (
        <code>
          <VisibleText text={address} />
        </code>
      )}{' '}
      in {environment ?? 'production'}
      {Object.entries(labels).map(([name, value]) => (
        <code key={name} className="sb-label">
          {name}={value}
        </code>
      ))}
    </p>
  );
}

interface StepFactsProps {
  run: RunView;
  step: StepRun;
  /** Of which attempt the log is shown; all if none. */
  attempt: number | null;
  setAttempt: (attempt: number | null) => void;
  close: () => void;
}

/** All that is known of the chosen step, above its log. */
export function StepFacts({ run, step, attempt, setAttempt, close }: StepFactsProps) {
  const path = pathOf(step);
  const cause = causeOf(step);
  const attempts = Array.from({ length: Math.min(step.attempt, 20) }, (_, at) => step.attempt - at).toReversed();
  return (
    <section className="sb-step-panel" aria-label={`Step ${path}`}>
      <div className="sb-section-head">
        <h2>
          <code>
            <VisibleText text={path} />
          </code>
          <CopyButton text={path} label="Copy the step’s address" />
        </h2>
        <button type="button" className="sb-plain-button" onClick={close}>
          <Icon name="close" /> Show all output
        </button>
      </div>
      <p className="sb-facts">
        <StateLabel state={step.state} />
        <span>{step.action}</span>
        <EffectLabel effect={step.effect} />
        {step.started_at && (
          <span>
            <Moment at={step.started_at} />, <Took from={step.started_at} to={step.finished_at} />
          </span>
        )}
        {cause !== null && <span>{cause}</span>}
        {step.attempt > 0 && <span>attempt {step.attempt}</span>}
      </p>
      {step.wait && (
        <p>
          It <WaitsFor wait={step.wait} />.
        </p>
      )}
      {step.message && (
        <p>
          <Prose text={step.message} />
        </p>
      )}
      <Target step={step} />
      <Answered step={step} project={run.project} />
      {step.inputs && Object.keys(step.inputs).length > 0 && <InputValues inputs={step.inputs} project={run.project} />}
      {step.attempt > 1 && (
        <div className="sb-states" role="group" aria-label="Log of">
          <button type="button" aria-pressed={attempt === null} onClick={() => setAttempt(null)}>
            All attempts
          </button>
          {attempts.map((each) => (
            <button key={each} type="button" aria-pressed={attempt === each} onClick={() => setAttempt(each)}>
              Attempt {each}
            </button>
          ))}
        </div>
      )}
    </section>
  );
}
