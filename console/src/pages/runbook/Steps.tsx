import { Link } from 'react-router';

import type { On, Step } from '../../api/shapes';
import { EffectLabel } from '../../show/Effect';
import { Markdown } from '../../show/Markdown';
import { limit } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';
import { StepWhat } from './StepWhat';

interface StepsProps {
  steps: Step[];
  project: string;
  /** Without what each does in detail. */
  brief?: boolean;
}

function where(on: On): string {
  const parts = Object.entries(on.where ?? {}).map(([key, match]) =>
    'input' in match ? `${key} as the input ${match.input}` : `${key} ${match.one_of.join(' or ')}`,
  );
  return parts.length === 0 ? '' : `, ${parts.join(', ')}`;
}

function atOnce(on: On): string {
  if (!on.batch) {
    return '';
  }
  return `, ${'count' in on.batch ? on.batch.count : `${on.batch.percent}%`} at once`;
}

function Targets({ on, project }: { on: On; project: string }) {
  const stop = on.stop_after_failures;
  return (
    <span>
      on{' '}
      <Link to={`/p/${encodeURIComponent(project)}/inventories/${encodeURIComponent(on.inventory)}`}>
        {on.inventory}
      </Link>
      {where(on)}
      {atOnce(on)}
      {typeof stop === 'number' && `, stops after ${stop === 1 ? 'a failure' : `${stop} failures`}`}
    </span>
  );
}

/** What is said of a step beside what it does: when, how often, on what. */
function Facts({ step, project }: { step: Step; project: string }) {
  const loop = step.for_each;
  const retry = step.retry;
  return (
    <p className="sb-step-facts-line">
      {step.if && (
        <span>
          if <code>{step.if}</code>
        </span>
      )}
      {loop && (
        <span>
          for each of{' '}
          {'of' in loop.items ? (
            <code>{loop.items.of}</code>
          ) : (
            `${loop.items.list.length} ${loop.items.list.length === 1 ? 'item' : 'items'}`
          )}
          {loop.width > 1 && `, ${loop.width} at once`}
        </span>
      )}
      {step.on && <Targets on={step.on} project={project} />}
      {retry && (
        <span>
          up to {retry.attempts} attempts, {limit(retry.wait_s)} apart
          {retry.backoff !== 1 && `, each wait ${retry.backoff} times as long`}
          {(retry.on_exit ?? []).length > 0 && `, on exit ${retry.on_exit?.join(', ')}`}
        </span>
      )}
      {typeof step.timeout_s === 'number' && <span>at most {limit(step.timeout_s)}</span>}
      {step.continue_on_failure && <span>its failure is not the run’s</span>}
      {step.idempotent && step.effect !== 'read' && <span>safe to repeat</span>}
      {step.dir && (
        <span>
          in <code>{step.dir}</code>
        </span>
      )}
      {step.env && Object.keys(step.env).length > 0 && (
        <span>
          with <code>{Object.keys(step.env).join(', ')}</code>
        </span>
      )}
    </p>
  );
}

function inside(step: Step): Step[] {
  return step.action === 'parallel' ? step.branches : step.action === 'steps' ? step.steps : [];
}

/** The steps of a runbook as they are written: groups with what is in them, and what is done when they fail. */
export function Steps({ steps, project, brief = false }: StepsProps) {
  return (
    <ol className="sb-steps-plan">
      {steps.map((step) => (
        <li key={step.name}>
          <div className="sb-step-head">
            <strong>
              <VisibleText text={step.name} />
            </strong>
            <span className="sb-action">
              {step.action === 'steps' ? 'in order' : step.action === 'parallel' ? 'at once' : step.action}
            </span>
            <EffectLabel effect={step.effect} />
          </div>
          {step.description && !brief && <Markdown text={step.description} />}
          <Facts step={step} project={project} />
          {!brief && <StepWhat step={step} project={project} />}
          {inside(step).length > 0 && <Steps steps={inside(step)} project={project} brief={brief} />}
          {(step.on_failure ?? []).length > 0 && (
            <>
              <p className="sb-phase">If it fails</p>
              <Steps steps={step.on_failure ?? []} project={project} brief={brief} />
            </>
          )}
        </li>
      ))}
    </ol>
  );
}
