import { PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';

import { runQuery } from '../../api/queries';
import type { RunView } from '../../api/shapes';
import { hasEnded } from '../../live/reduce';
import { useRunLive } from '../../live/useRunLive';
import { LogView } from '../../log/LogView';
import { Difference } from '../../pair/Difference';
import { differenceWords } from '../../pair/difference';
import { PairSide } from '../../pair/PairSide';
import { usePair } from '../../pair/usePair';
import { Verification } from '../../pair/Verification';
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
import { InputValues } from './InputValues';
import { NeedsPeople } from './NeedsPeople';
import { Outcome } from './Outcome';
import { RetryButton } from './RetryButton';
import './run.css';
import { StepFacts } from './StepFacts';
import { StepTree } from './StepTree';
import { hasInside, lineage, outermost, pathOf, placeOf } from './tree';

const NOWHERE: readonly number[] = [];
const NO_STEP = {};

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
      {run.retry_of && (
        <span>
          tries{' '}
          <Link to={`/p/${encodeURIComponent(run.project)}/runs/${run.retry_of.run}`}>
            run {run.retry_of.run.slice(-12)}
          </Link>{' '}
          again{run.retry_of.from && ` from ${run.retry_of.from}`}
        </span>
      )}
      {Object.entries(run.labels ?? {}).map(([name, value]) => (
        <code key={name} className="sb-label">
          <VisibleText text={`${name}=${value}`} />
        </code>
      ))}
      <EffectLabel effect={run.effect} />
    </>
  );
}

function Details({ run }: { run: RunView }) {
  return (
    <>
      <section>
        <Title headingLevel="h2" size="md">
          Inputs
        </Title>
        {Object.keys(run.inputs).length === 0 ? (
          <p className="sb-faint">None.</p>
        ) : (
          <InputValues inputs={run.inputs} project={run.project} />
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
              <Link
                to={`/p/${encodeURIComponent(run.project)}/runbooks/${encodeURIComponent(run.runbook)}?tab=document&version=${run.digest}`}
                title={run.digest}
              >
                <code>{run.digest.slice(0, 12)}</code>
              </Link>
              <CopyButton text={run.digest} label="Copy the version’s digest" />
            </dd>
          </div>
          {run.bundle && (
            <div>
              <dt>bundle</dt>
              <dd>
                <code title={`${run.bundle}: this version, those of the runbooks that it calls, and the inventories`}>
                  {run.bundle.slice(0, 12)}
                </code>
                <CopyButton text={run.bundle} label="Copy the bundle’s digest" />
              </dd>
            </div>
          )}
          {run.environment && (
            <div>
              <dt>environment</dt>
              <dd>
                <VisibleText text={run.environment} />
              </dd>
            </div>
          )}
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

/** Is there nothing to fold? */
function isFlat(run: RunView): boolean {
  return outermost(run).every(({ places }) => places.every((place) => !hasInside(run.steps[place] ?? NO_STEP)));
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
  const place = named === null ? null : placeOf(run, named);
  const step = place === null ? null : (run.steps[place] ?? null);
  const path = step === null ? null : pathOf(step);
  const [said, setSaid] = useState<ReadonlyMap<number, boolean>>(new Map());
  const [attempt, setAttempt] = useState<{ path: string; attempt: number } | null>(null);
  const shownAttempt = attempt !== null && attempt.path === path ? attempt.attempt : null;
  const within = useMemo(() => (place === null ? NOWHERE : lineage(run, place)), [run, place]);

  const choose = useCallback(
    (next: string | null): void => setQuery(next === null ? {} : { step: next }, { replace: true }),
    [setQuery],
  );
  const say = useCallback((at: number, open: boolean) => setSaid((old) => new Map(old).set(at, open)), []);

  const ended = hasEnded(run.state);
  const pair = usePair(run);

  const address = `/api/v1/projects/${encodeURIComponent(run.project)}/runs/${run.id}/log`;
  return (
    <div className="sb-run" data-paired={pair.places.length > 0 || undefined}>
      {pair.places.length > 0 && (
        <PairSide
          project={run.project}
          places={pair.places}
          whole={!ended}
          run={run.id}
          note={pair.view && differenceWords(pair.view)}
        >
          {pair.view?.before && <Difference run={run} pair={pair.view} />}
        </PairSide>
      )}
      <div className="sb-run-side">
        <section className="sb-run-steps" data-flat={isFlat(run) || undefined}>
          <Title headingLevel="h2" size="md">
            Steps
          </Title>
          <StepTree
            parts={outermost(run)}
            steps={run.steps}
            said={run.message ?? ''}
            chosen={place}
            within={within}
            choose={choose}
            folding={{ said, say }}
          />
        </section>
        <Details run={run} />
      </div>
      <div className="sb-run-main">
        {!ended && pair.view?.verify && <Verification verify={pair.view.verify} />}
        {!ended && <NeedsPeople run={run} chosen={place} choose={choose} />}
        {step !== null && path !== null && (
          <StepFacts
            run={run}
            step={step}
            attempt={shownAttempt}
            setAttempt={(next) => setAttempt(next === null ? null : { path, attempt: next })}
            close={() => choose(null)}
          />
        )}
        <LogView
          log={log}
          step={path}
          attempt={shownAttempt}
          raw={path === null ? address : `${address}?step=${encodeURIComponent(path)}`}
          live={!ended}
          empty={emptyLog(run, path)}
        />
      </div>
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
            {hasEnded(run.state) ? <RetryButton run={run} /> : <CancelButton run={run} />}
            <LinkButton variant="secondary" icon={<Icon name="play" />} to={`${runbook}?again=${run.id}`}>
              Run with changes
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
