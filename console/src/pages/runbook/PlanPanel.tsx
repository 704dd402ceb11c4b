import { Alert, Button, Title } from '@patternfly/react-core';
import { Fragment, useState } from 'react';
import { Link } from 'react-router';

import { ProblemError } from '../../api/problem';
import type { LockView, Phase, PlanStepView, PlanView, RunbookView } from '../../api/shapes';
import { EffectLabel } from '../../show/Effect';
import { Icon } from '../../show/Icon';
import { Names } from '../../show/Names';
import { Prose } from '../../show/Prose';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';
import { Steps } from './Steps';
import type { PlanState } from './usePlan';

const MOST_ROWS = 150;

const PHASES: Record<Phase, string> = {
  main: 'Steps',
  on_failure: 'If it fails',
  cleanup: 'In the end, whatever happens',
};

function Condition({ step }: { step: PlanStepView }) {
  if (!step.condition) {
    return null;
  }
  const value = step.condition_value;
  return (
    <span className="sb-plan-fact">
      if <code>{step.condition}</code>:{' '}
      <strong>{value === true ? 'true' : value === false ? 'false, skipped' : 'known when it runs'}</strong>
    </span>
  );
}

function itemText(item: unknown): string {
  return typeof item === 'string' ? item : JSON.stringify(item);
}

function Targets({ targets, batch }: { targets: string[]; batch?: number | null }) {
  if (targets.length === 0) {
    return <span className="sb-plan-fact sb-warn">on no target</span>;
  }
  return (
    <span className="sb-plan-fact">
      on <Names names={targets} one="target" many="targets" />
      {batch && batch < targets.length ? `, ${batch} at once` : ''}
    </span>
  );
}

function PlanRow({ step }: { step: PlanStepView }) {
  const skipped = step.condition_value === false;
  return (
    <li
      className="sb-plan-row"
      data-skipped={skipped || undefined}
      style={{ '--sb-depth': step.depth } as React.CSSProperties}
    >
      <div className="sb-step-head">
        <strong>
          <VisibleText text={step.name} />
        </strong>
        <span className="sb-action">{step.action}</span>
        <EffectLabel effect={step.effect} />
      </div>
      {step.summary && (
        <p className="sb-plan-summary">
          <VisibleText text={step.summary} lines />
        </p>
      )}
      {step.items && (
        <span className="sb-plan-fact">
          for <Names names={step.items.map(itemText)} one="item" many="items" />
        </span>
      )}
      {step.targets && <Targets targets={step.targets} batch={step.batch} />}
      <Condition step={step} />
    </li>
  );
}

function Lock({ lock, project }: { lock: LockView; project: string }) {
  const full = lock.held_by.length >= lock.limit;
  return (
    <p className={full ? 'sb-warn' : 'sb-faint'}>
      Lock <code>{lock.key}</code>
      {lock.held_by.length === 0 ? (
        ' is free.'
      ) : (
        <>
          {' '}
          is held by{' '}
          {lock.held_by.map((run, at) => (
            <Fragment key={run}>
              {at > 0 && ', '}
              <Link to={`/p/${encodeURIComponent(project)}/runs/${run}`}>run {run.slice(-12)}</Link>
            </Fragment>
          ))}
          {full ? ': this run would wait for it.' : `, ${lock.limit} at once may have it.`}
        </>
      )}
    </p>
  );
}

function PlanShown({ plan, project }: { plan: PlanView; project: string }) {
  const [all, setAll] = useState(false);
  const steps = all ? plan.steps : plan.steps.slice(0, MOST_ROWS);
  return (
    <>
      <p className="sb-plan-facts">
        <EffectLabel effect={plan.effect} />
        <span>
          on <Names names={plan.targets} one="target" many="targets" />
        </span>
        {plan.environments.length > 0 && <span>in {plan.environments.join(', ')}</span>}
        <span>
          {plan.steps.length} {plan.steps.length === 1 ? 'step' : 'steps'}
        </span>
      </p>
      {plan.remarks.map((remark) => (
        <Alert key={remark} isInline isPlain variant="warning" title={<Prose text={remark} />} component="p" />
      ))}
      {plan.lock && <Lock lock={plan.lock} project={project} />}
      {(['main', 'on_failure', 'cleanup'] as const).map((phase) => {
        const rows = steps.filter((step) => step.phase === phase);
        return (
          rows.length > 0 && (
            <Fragment key={phase}>
              {phase !== 'main' && <h3 className="sb-phase">{PHASES[phase]}</h3>}
              <ol className="sb-plan" aria-label={PHASES[phase]}>
                {rows.map((step) => (
                  <PlanRow key={step.path} step={step} />
                ))}
              </ol>
            </Fragment>
          )
        );
      })}
      {steps.length < plan.steps.length && (
        <Button variant="link" isInline onClick={() => setAll(true)}>
          Show all {plan.steps.length} steps
        </Button>
      )}
    </>
  );
}

function Missing({ names }: { names: string[] }) {
  return (
    <p className="sb-faint">
      To see what exactly would run, fill in or put right{' '}
      {names.map((name, at) => (
        <Fragment key={name}>
          {at > 0 && (at === names.length - 1 ? ' and ' : ', ')}
          <code>{name}</code>
        </Fragment>
      ))}
      .
    </p>
  );
}

/** What would run, before the button is pressed. */
export function PlanPanel({ view, state }: { view: RunbookView; state: PlanState }) {
  const { plan, stale, pending, error, faults, first, refresh } = state;
  const faulty = error instanceof ProblemError && (error.problem.faults ?? []).length > 0;
  return (
    <section className="sb-plan-panel sb-card" aria-label="What would run" aria-busy={pending}>
      <div className="sb-section-head">
        <Title headingLevel="h2" size="md">
          What would run
        </Title>
        <Button variant="link" isInline icon={<Icon name="again" />} isDisabled={pending} onClick={refresh}>
          {pending ? 'Looking…' : 'Look again'}
        </Button>
      </div>
      {error !== null && !pending && !faulty && <TroubleNote error={error} />}
      {error !== null && !pending && faulty && (
        <Alert isInline isPlain variant="danger" component="p" title="With these values it would be refused.">
          {faults.map((fault) => (
            <p key={`${fault.path} ${fault.message}`}>
              <Prose text={fault.message} /> {fault.hint && <Prose text={fault.hint} />}
            </p>
          ))}
        </Alert>
      )}
      {first.length > 0 && <Missing names={first} />}
      {plan === null ? (
        <div className="sb-plan-written">
          <Steps steps={view.runbook.steps} project={view.project} brief />
        </div>
      ) : (
        <div className="sb-plan-shown" data-stale={stale || undefined}>
          {stale && !pending && <p className="sb-faint">The values have changed since.</p>}
          <PlanShown plan={plan} project={view.project} />
        </div>
      )}
    </section>
  );
}
