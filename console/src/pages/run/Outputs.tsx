import type { StepRun } from '../../api/shapes';
import { CopyButton } from '../../show/CopyButton';
import { VisibleText } from '../../show/VisibleText';

export function Outputs({ outputs }: { outputs: StepRun['outputs'] }) {
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
