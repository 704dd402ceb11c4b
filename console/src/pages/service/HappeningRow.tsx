import type { ReactNode } from 'react';
import { Link } from 'react-router';

import type { Happening } from '../../api/shapes';
import { HealthGlyph, HealthLabel } from '../../show/Health';
import { healthWord } from '../../show/healthWords';
import { projectPath, servicePath } from '../../show/places';
import { Prose } from '../../show/Prose';
import { ProseWithRuns } from '../../show/ProseWithRuns';
import { StateGlyph, StateLabel } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';

/** What became of a fact, as a shape: it is there, is another, or is gone. */
function FactGlyph({ gone, size }: { gone: boolean; size?: number }) {
  return (
    <svg className="sb-glyph sb-glyph-fact" viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      {gone ? (
        <>
          <path d="M2.5 2.5h11v11h-11z" className="line" strokeDasharray="2.4 2" />
          <path d="M5.5 8h5" className="line" />
        </>
      ) : (
        <path d="M2 2h12v12H2z" className="fill" />
      )}
    </svg>
  );
}

export function HappeningGlyph({ happening, size }: { happening: Happening; size: number }) {
  switch (happening.what) {
    case 'run':
      return <StateGlyph state={happening.run.state} size={size} />;
    case 'health':
      return <HealthGlyph health={happening.health} size={size} />;
    case 'fact':
      return <FactGlyph gone={typeof happening.value !== 'string'} size={size} />;
    case 'firing':
      return <StateGlyph state="skipped" size={size} />;
  }
}

const LONGEST = 80;

function short(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.length > LONGEST || line.length < text.length ? `${line.slice(0, LONGEST)}…` : line;
}

function Value({ text }: { text: string | null | undefined }) {
  return typeof text === 'string' ? (
    <code title={text.length > LONGEST ? text : undefined}>
      {text === '' ? <span className="sb-faint">empty</span> : <VisibleText text={short(text)} />}
    </code>
  ) : (
    <span className="sb-faint">nothing</span>
  );
}

function whatOf(happening: Happening, project: string): ReactNode {
  switch (happening.what) {
    case 'run': {
      const { run } = happening;
      return (
        <>
          <StateLabel state={run.state} />
          <span>
            <Link to={projectPath(project, 'runs', run.id)}>
              <VisibleText text={run.title ?? run.runbook} />
            </Link>
            {run.reason && (
              <span className="sb-reason">
                <VisibleText text={run.reason} />
              </span>
            )}
            <span className="sb-reason">
              by <VisibleText text={run.requested_by} />
            </span>
            {run.waits_for && (
              <span className="sb-waits-for">
                waits for <ProseWithRuns text={run.waits_for} project={project} />
              </span>
            )}
          </span>
        </>
      );
    }
    case 'health':
      return (
        <>
          <HealthLabel health={happening.health} />
          <span>
            in {happening.environment}, was {healthWord(happening.before)}
            <span className="sb-cause">
              <Prose text={happening.cause} />
            </span>
          </span>
        </>
      );
    case 'fact': {
      const gone = typeof happening.value !== 'string';
      return (
        <>
          <span className="sb-state">
            <FactGlyph gone={gone} />
            fact
          </span>
          <span>
            <code className="sb-fact-key">{happening.key}</code>{' '}
            {gone ? (
              <>
                is gone, was <Value text={happening.previous} />
              </>
            ) : happening.value === happening.previous ? (
              <>
                is back: <Value text={happening.value} />
              </>
            ) : (
              <>
                is <Value text={happening.value} />
                {typeof happening.previous === 'string' && (
                  <>
                    , was <Value text={happening.previous} />
                  </>
                )}
              </>
            )}
            <span className="sb-reason">
              {happening.target && (
                <>
                  <VisibleText text={happening.target} />,{' '}
                </>
              )}
              {happening.environment}
            </span>
          </span>
        </>
      );
    }
    case 'firing':
      return (
        <>
          <span className="sb-state">
            <StateGlyph state="skipped" />
            not started
          </span>
          <span>
            <VisibleText text={happening.schedule} />
            <span className="sb-cause">
              <Prose text={happening.reason} />
            </span>
          </span>
        </>
      );
  }
}

interface HappeningRowProps {
  project: string;
  happening: Happening;
  /** Whose list it stands in: another's name is said. */
  service: string;
  /** The run that it is, or that showed it. */
  run: string | null;
  time: ReactNode;
}

export function HappeningRow({ project, happening, service, run, time }: HappeningRowProps) {
  return (
    <li className="sb-happening">
      <span className="sb-happening-when">{time}</span>
      <span className="sb-happening-what">
        {whatOf(happening, project)}
        {happening.service !== service && (
          <Link className="sb-happening-of" to={servicePath(project, happening.service)}>
            {happening.service}
          </Link>
        )}
      </span>
      <span className="sb-happening-run">
        {run !== null && happening.what !== 'run' && <Link to={projectPath(project, 'runs', run)}>run</Link>}
      </span>
    </li>
  );
}
