import type { StepRun } from '../../api/shapes';
import { CopyButton } from '../../show/CopyButton';
import { EffectLabel } from '../../show/Effect';
import { Took } from '../../show/Moments';
import { Prose } from '../../show/Prose';
import { StateGlyph } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';
import { causeOf } from './causes';

interface StepListProps {
  steps: StepRun[];
  /** What the page says of the whole run: a step need not say it again. */
  said: string;
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

interface StepItemProps {
  step: StepRun;
  said: string;
  chosen: boolean;
  choose: () => void;
}

function StepItem({ step, said, chosen, choose }: StepItemProps) {
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
      {step.message && !said.includes(step.message) && (
        <p className="sb-step-message">
          <Prose text={step.message} />
        </p>
      )}
      <Outputs outputs={step.outputs} />
    </li>
  );
}

/** The steps in order; a chosen one narrows the log to itself. */
export function StepList({ steps, said, chosen, choose }: StepListProps) {
  return (
    <ol className="sb-steps" aria-label="Steps">
      {steps.map((step) => (
        <StepItem
          key={step.name}
          step={step}
          said={said}
          chosen={step.name === chosen}
          choose={() => choose(step.name === chosen ? null : step.name)}
        />
      ))}
    </ol>
  );
}
