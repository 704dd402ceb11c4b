import type { Step } from '../../api/shapes';
import { EffectLabel } from '../../show/Effect';
import { limit } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';

/** Quoted where a shell would need it, only for the eye. */
function shown(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

function What({ step }: { step: Step }) {
  if (step.action === 'command') {
    return (
      <code className="sb-step-what">
        <VisibleText text={step.argv.map(shown).join(' ')} />
      </code>
    );
  }
  const interpreter = step.interpreter.map(shown).join(' ');
  if ('file' in step.script) {
    // Its own first line says what reads it; the interpreter stands in where it does not.
    return (
      <code className="sb-step-what">
        <VisibleText text={`./${step.script.file}`} />
      </code>
    );
  }
  return (
    <details className="sb-step-what">
      <summary>
        <code>
          <VisibleText text={interpreter} />
        </code>{' '}
        script, {lineCount(step.script.body)}
      </summary>
      {/* The reader scrolls long lines with the keyboard too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0}>
        <VisibleText text={step.script.body} lines />
      </pre>
    </details>
  );
}

export function Steps({ steps }: { steps: Step[] }) {
  return (
    <ol className="sb-steps-plan">
      {steps.map((step) => (
        <li key={step.name}>
          <div className="sb-step-head">
            <strong>{step.name}</strong>
            <EffectLabel effect={step.effect} />
            {step.timeout_s !== undefined && step.timeout_s !== null && (
              <span className="sb-faint">at most {limit(step.timeout_s)}</span>
            )}
          </div>
          <What step={step} />
        </li>
      ))}
    </ol>
  );
}

/** `1 line`, `7 lines`. */
function lineCount(text: string): string {
  const count = text.trimEnd().split('\n').length;
  return count === 1 ? '1 line' : `${count} lines`;
}
