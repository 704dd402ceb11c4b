import { PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearchParams } from 'react-router';

import { runQuery } from '../../api/queries';
import type { RunView } from '../../api/shapes';
import { hasEnded } from '../../live/reduce';
import { useRunLive } from '../../live/useRunLive';
import { LogView } from '../../log/LogView';
import { CopyButton } from '../../show/CopyButton';
import { EffectLabel } from '../../show/Effect';
import { Icon } from '../../show/Icon';
import { LinkButton } from '../../show/LinkButton';
import { Loading } from '../../show/Loading';
import { Ago, Moment, Took } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { StateLabel } from '../../show/State';
import { Trouble } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { CancelButton } from './CancelButton';
import { Outcome } from './Outcome';
import './run.css';
import { StepList } from './StepList';

function Facts({ run }: { run: RunView }) {
  return (
    <>
      <span>
        requested <Ago at={run.requested_at} /> by <VisibleText text={run.requested_by.name} />
      </span>
      {run.started_at && (
        <span>
          {run.finished_at ? 'took' : 'for'} <Took from={run.started_at} to={run.finished_at} />
        </span>
      )}
      {run.cancel_requested_by && (
        <span>
          cancel asked for by <VisibleText text={run.cancel_requested_by.name} />
        </span>
      )}
      {run.service && (
        <span>
          service <VisibleText text={run.service} />
        </span>
      )}
      <EffectLabel effect={run.effect} />
    </>
  );
}

function Details({ run }: { run: RunView }) {
  const inputs = Object.entries(run.inputs);
  return (
    <>
      <section>
        <Title headingLevel="h2" size="md">
          Inputs
        </Title>
        {inputs.length === 0 ? (
          <p className="sb-faint">None.</p>
        ) : (
          <dl className="sb-values">
            {inputs.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <code>
                    <VisibleText text={String(value)} lines />
                  </code>
                  <CopyButton text={String(value)} label={`Copy the input ${name}`} />
                </dd>
              </div>
            ))}
          </dl>
        )}
      </section>
      <section>
        <Title headingLevel="h2" size="md">
          Details
        </Title>
        <dl className="sb-values">
          <div>
            <dt>run</dt>
            <dd>
              <code>{run.id}</code>
              <CopyButton text={run.id} label="Copy the run’s id" />
            </dd>
          </div>
          <div>
            <dt>version</dt>
            <dd>
              <code title={run.digest}>{run.digest.slice(0, 12)}</code>
              <CopyButton text={run.digest} label="Copy the version’s digest" />
            </dd>
          </div>
          {(['requested', 'started', 'finished'] as const).map((moment) => {
            const at = run[`${moment}_at`];
            return (
              <div key={moment}>
                <dt>{moment}</dt>
                <dd>{at ? <Moment at={at} /> : <span className="sb-faint">–</span>}</dd>
              </div>
            );
          })}
        </dl>
      </section>
    </>
  );
}

function emptyLog(run: RunView, step: string | null): string {
  if (hasEnded(run.state)) {
    return step === null ? 'Nothing was written.' : `Step ${step} wrote nothing.`;
  }
  return run.state === 'queued' ? 'Output appears here when it runs.' : 'Nothing has been written yet.';
}

function Following({ run }: { run: RunView }) {
  const log = useRunLive(run.project, run.id);
  const [query, setQuery] = useSearchParams();
  const named = query.get('step');
  const step = run.steps.some(({ name }) => name === named) ? named : null;
  const choose = (next: string | null): void => setQuery(next === null ? {} : { step: next }, { replace: true });
  const path = `/api/v1/projects/${encodeURIComponent(run.project)}/runs/${run.id}/log`;
  const raw = step === null ? path : `${path}?step=${encodeURIComponent(step)}`;
  return (
    <div className="sb-run">
      <div className="sb-run-side">
        <section>
          <div className="sb-section-head">
            <Title headingLevel="h2" size="md">
              Steps
            </Title>
            {step !== null && (
              <button type="button" className="sb-plain-button" onClick={() => choose(null)}>
                Show all output
              </button>
            )}
          </div>
          <StepList steps={run.steps} said={run.message ?? ''} chosen={step} choose={choose} />
        </section>
        <Details run={run} />
      </div>
      <LogView log={log} step={step} raw={raw} live={!hasEnded(run.state)} empty={emptyLog(run, step)} />
    </div>
  );
}

export default function RunPage() {
  const { project = '', run: id = '' } = useParams();
  const { data: run, error, refetch } = useQuery(runQuery(project, id));
  usePageTitle(run === undefined ? 'Run' : `${run.title ?? run.runbook}: ${run.state}`);
  if (run === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  const runbook = `/p/${encodeURIComponent(project)}/runbooks/${encodeURIComponent(run.runbook)}`;
  return (
    <div className="sb-run-page">
      <PageHead
        above={{ to: `/p/${encodeURIComponent(project)}/runs`, name: 'Runs', here: run.id.slice(-12) }}
        title={
          <Link to={runbook} className="sb-quiet-link">
            <VisibleText text={run.title ?? run.runbook} />
          </Link>
        }
        beside={<StateLabel state={run.state} large />}
        facts={<Facts run={run} />}
        actions={
          <>
            {!hasEnded(run.state) && <CancelButton run={run} />}
            <LinkButton variant="secondary" icon={<Icon name="again" />} to={`${runbook}?again=${run.id}`}>
              Run again
            </LinkButton>
          </>
        }
      />
      <PageSection isFilled className="sb-body sb-run-body">
        {run.reason && (
          <p className="sb-run-reason">
            <VisibleText text={run.reason} />
          </p>
        )}
        <Outcome run={run} />
        <Following key={run.id} run={run} />
        <p role="status" className="pf-v6-screen-reader">
          The run is {run.state}.
        </p>
      </PageSection>
    </div>
  );
}
