import type { StepRun } from '../../api/shapes';
import { CopyButton } from '../../show/CopyButton';
import { EffectLabel } from '../../show/Effect';
import { Took } from '../../show/Moments';
import { StateGlyph } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';
import { causeOf } from './causes';

interface StepListProps {
  steps: StepRun[];
  chosen: string | null;
  choose: (step: string | null) => void;
}

function Outputs({ outputs }: { outputs: StepRun['outputs'] }) {
  const names = Object.keys(outputs);
  if (names.length === 0) {
    return null;
  }
  return (
    <dl className="sb-values" aria-label="Outputs">
      {names.map((name) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <code>
              <VisibleText text={outputs[name] ?? ''} lines />
            </code>
            <CopyButton text={outputs[name] ?? ''} label={`Copy the output ${name}`} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function StepItem({ step, chosen, choose }: { step: StepRun; chosen: boolean; choose: () => void }) {
  const cause = causeOf(step);
  return (
    <li data-state={step.state} data-chosen={chosen}>
      <button type="button" className="sb-step-button" aria-pressed={chosen} onClick={choose}>
        <StateGlyph state={step.state} />
        <span className="sb-step-name">{step.name}</span>
        {step.effect !== 'change' && <EffectLabel effect={step.effect} />}
        <span className="sb-step-took">
          <Took from={step.started_at} to={step.finished_at} />
        </span>
        <span className="sb-step-facts">
          {step.state}
          {step.attempt > 1 && ` · attempt ${step.attempt}`}
          {cause !== null && ` · ${cause}`}
        </span>
      </button>
      {step.message && (
        <p className="sb-step-message">
          <VisibleText text={step.message} />
        </p>
      )}
      <Outputs outputs={step.outputs} />
    </li>
  );
}

/** The steps in order; a chosen one narrows the log to itself. */
export function StepList({ steps, chosen, choose }: StepListProps) {
  return (
    <ol className="sb-steps" aria-label="Steps">
      {steps.map((step) => (
        <StepItem
          key={step.name}
          step={step}
          chosen={step.name === chosen}
          choose={() => choose(step.name === chosen ? null : step.name)}
        />
      ))}
    </ol>
  );
}
