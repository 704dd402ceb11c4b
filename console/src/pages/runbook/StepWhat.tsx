import type { ReactNode } from 'react';
import { Link } from 'react-router';

import type { Script, StatusRange } from '../../api/shapes';
import type { Input, Step } from '../../api/shapes';
import { Markdown } from '../../show/Markdown';
import { limit } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';

/** Quoted where a shell would need it, only for the eye. */
function shown(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

/** `1 line`, `7 lines`. */
function lineCount(text: string): string {
  const count = text.trimEnd().split('\n').length;
  return count === 1 ? '1 line' : `${count} lines`;
}

function Code({ children }: { children: string }) {
  return (
    <code className="sb-step-what">
      <VisibleText text={children} />
    </code>
  );
}

function ScriptText({ interpreter, script }: { interpreter: string[]; script: Script }) {
  if ('file' in script) {
    // Its own first line says what reads it; the interpreter stands in where it does not.
    return <Code>{`./${script.file}`}</Code>;
  }
  return (
    <details className="sb-step-what">
      <summary>
        <code>
          <VisibleText text={interpreter.map(shown).join(' ')} />
        </code>{' '}
        script, {lineCount(script.body)}
      </summary>
      {/* The reader scrolls long lines with the keyboard too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0}>
        <VisibleText text={script.body} lines />
      </pre>
    </details>
  );
}

function statuses(ranges: StatusRange[] | undefined): string {
  const written = (ranges ?? []).map(({ from, to }) => (from === to ? String(from) : `${from} to ${to}`));
  return written.length === 0 ? '200 to 299' : written.join(', ');
}

function Pairs({ of, named }: { of: Record<string, string> | undefined; named: string }) {
  const pairs = Object.entries(of ?? {});
  return (
    pairs.length > 0 && (
      <dl className="sb-values sb-step-what" aria-label={named}>
        {pairs.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code>
                <VisibleText text={value} lines />
              </code>
            </dd>
          </div>
        ))}
      </dl>
    )
  );
}

function Fields({ fields }: { fields: Input[] }) {
  return (
    fields.length > 0 && (
      <p className="sb-step-what">
        asks for{' '}
        {fields.map((field, at) => (
          <span key={field.name}>
            {at > 0 && ', '}
            <code>{field.name}</code> ({field.type}
            {field.required && ', needed'})
          </span>
        ))}
      </p>
    )
  );
}

/** What a step does, as it is written. */
export function StepWhat({ step, project }: { step: Step; project: string }): ReactNode {
  switch (step.action) {
    case 'run':
      return <ScriptText interpreter={step.interpreter} script={step.script} />;
    case 'command':
      return <Code>{step.argv.map(shown).join(' ')}</Code>;
    case 'http':
      return (
        <>
          <Code>{`${step.method} ${step.url}`}</Code>
          <p className="sb-step-what">must answer {statuses(step.status)}</p>
          <Pairs of={step.headers} named="Headers" />
          {step.body && <Code>{'raw' in step.body ? step.body.raw : JSON.stringify(step.body.json)}</Code>}
          <Pairs of={step.outputs} named="Outputs" />
        </>
      );
    case 'check':
      return (
        <>
          {step.of === 'script' ? (
            <ScriptText interpreter={step.interpreter} script={step.script} />
          ) : (
            <Code>{step.of === 'tcp' ? step.address : step.url}</Code>
          )}
          <p className="sb-step-what">
            {step.of === 'tcp' && 'must take connections'}
            {step.of === 'script' && 'must end with exit code 0'}
            {step.of === 'http' && `must answer ${statuses(step.status)}`}
            {step.of === 'http' && step.contains && ` with “${step.contains}” in it`}
            {step.within_s > 0
              ? `, within ${limit(step.within_s)}, tried every ${limit(step.every_s)}`
              : ', tried once'}
          </p>
        </>
      );
    case 'manual':
      return (
        <div className="sb-step-what">
          <Markdown text={step.instructions} />
          <Fields fields={step.fields ?? []} />
          {step.evidence && step.evidence !== 'none' && (
            <p>{step.evidence === 'required' ? 'A file has to be given with it.' : 'A file may be given with it.'}</p>
          )}
        </div>
      );
    case 'approve':
      return (
        <div className="sb-step-what">
          <Markdown text={step.message} />
        </div>
      );
    case 'runbook':
      return (
        <>
          <p className="sb-step-what">
            <Link to={`/p/${encodeURIComponent(project)}/runbooks/${encodeURIComponent(step.runbook)}`}>
              {step.runbook}
            </Link>
          </p>
          <Pairs of={step.inputs} named="Its inputs" />
        </>
      );
    case 'wait': {
      // The API document has one name for this and for what a run waits for.
      const { for: long, until } = step as { for?: string; until?: string | null };
      return <Code>{until ? `until ${until}` : `for ${long ?? '?'}`}</Code>;
    }
    default:
      return null;
  }
}
