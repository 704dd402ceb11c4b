import { Button, EmptyState, EmptyStateBody, PageSection } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';

import type { ScheduleSummary, TimedKind } from '../../api/shapes';
import { NextFiring } from '../../schedule/NextFiring';
import { PausedNote } from '../../schedule/PausedNote';
import { schedulesQuery } from '../../schedule/queries';
import { RunLink } from '../../schedule/RunLink';
import '../../schedule/schedule.css';
import { timingOf } from '../../schedule/when';
import { WhenWords } from '../../schedule/WhenWords';
import { Loading } from '../../show/Loading';
import { PageHead } from '../../show/PageHead';
import { Trouble } from '../../show/Trouble';
import { useFiltered } from '../../show/useFiltered';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';

const KINDS: [TimedKind, string][] = [
  ['schedule', 'Schedules'],
  ['probe', 'Probes'],
  ['collector', 'Collectors'],
];
/** Probes may be thousands. */
const MOST_ROWS = 200;

const EXAMPLE = `kind: Schedule
name: nightly-restart
runbook: restart-web
cron: '0 3 * * *'
zone: Europe/Berlin`;

function wordsOf(schedule: ScheduleSummary) {
  return [schedule.name, schedule.title, schedule.runbook, schedule.paused && 'paused'];
}

function None({ kind }: { kind: TimedKind }) {
  if (kind !== 'schedule') {
    return (
      <EmptyState headingLevel="h2" titleText={`No ${kind} yet`} variant="lg">
        <EmptyStateBody>
          A {kind} is a runbook that only reads, and says{' '}
          <code>
            {kind === 'probe'
              ? 'probe: {service: shop, every: 30s}'
              : 'collects: {service: shop, every: 10m, expire: 1h}'}
          </code>
          .
        </EmptyStateBody>
      </EmptyState>
    );
  }
  return (
    <EmptyState headingLevel="h2" titleText="No schedule yet" variant="lg">
      <EmptyStateBody>
        <p>A schedule runs a runbook without anybody asking. Write one beside your runbooks and apply it:</p>
        <pre className="sb-example">{EXAMPLE}</pre>
      </EmptyStateBody>
    </EmptyState>
  );
}

function ScheduleRow({ schedule }: { schedule: ScheduleSummary }) {
  const { project, kind, name, title, runbook, paused, last_run: run, when } = schedule;
  const root = `/p/${encodeURIComponent(project)}`;
  const to =
    kind === 'schedule'
      ? `${root}/schedules/${encodeURIComponent(name)}`
      : `${root}/runbooks/${encodeURIComponent(name)}`;
  return (
    <Tr>
      <Td dataLabel={kind} className="sb-cell-main">
        <Link to={to}>
          <VisibleText text={title ?? name} />
        </Link>{' '}
        {title && <code className="sb-name">{name}</code>}
        {paused && <PausedNote pause={paused} />}
      </Td>
      {kind === 'schedule' && (
        <Td dataLabel="Runbook" className="sb-schedules-runbook">
          <Link className="sb-quiet-link" to={`${root}/runbooks/${encodeURIComponent(runbook)}`}>
            <VisibleText text={runbook} />
          </Link>
        </Td>
      )}
      <Td dataLabel="When">
        <WhenWords timing={timingOf(when)} />
      </Td>
      <Td dataLabel="Next" className="sb-schedules-next">
        <NextFiring schedule={schedule} />
      </Td>
      <Td dataLabel="Last run">
        {!run ? (
          <span className="sb-faint">never ran</span>
        ) : kind === 'schedule' ? (
          <RunLink project={project} run={run} />
        ) : (
          // How a probe's run ended is its service's health; of hundreds of them none is asked for here.
          <Link to={`${root}/runs/${run}`} className="sb-quiet-link">
            <code>{run.slice(-12)}</code>
          </Link>
        )}
      </Td>
    </Tr>
  );
}

function ScheduleTable({ kind, schedules }: { kind: TimedKind; schedules: ScheduleSummary[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? schedules : schedules.slice(0, MOST_ROWS);
  const name = KINDS.find(([each]) => each === kind)?.[1] ?? kind;
  return (
    <>
      <Table aria-label={name} variant="compact" gridBreakPoint="" className="sb-table sb-schedules-table">
        <Thead>
          <Tr>
            <Th width={25}>{name.slice(0, -1)}</Th>
            {kind === 'schedule' && <Th modifier="nowrap">Runbook</Th>}
            <Th>When</Th>
            <Th>Next</Th>
            <Th>Last run</Th>
          </Tr>
        </Thead>
        <Tbody>
          {shown.map((schedule) => (
            <ScheduleRow key={`${schedule.kind} ${schedule.name}`} schedule={schedule} />
          ))}
        </Tbody>
      </Table>
      {shown.length < schedules.length && (
        <div className="sb-more">
          <Button variant="secondary" onClick={() => setAll(true)}>
            Show all {schedules.length.toLocaleString('en')}
          </Button>
        </div>
      )}
    </>
  );
}

export default function SchedulesPage() {
  usePageTitle('Schedules');
  const { project = '' } = useParams();
  const [query, setQuery] = useSearchParams();
  const kind = KINDS.find(([each]) => each === query.get('kind'))?.[0] ?? 'schedule';
  const { data: schedules, error, refetch } = useQuery(schedulesQuery(project, { kind }));
  const { text, shown, field } = useFiltered(schedules, wordsOf, 'Filter schedules');
  return (
    <>
      <PageHead title="Schedules" actions={field} />
      <PageSection isFilled className="sb-body">
        <div className="sb-filters">
          <div className="sb-states" role="group" aria-label="What starts by time">
            {KINDS.map(([each, name]) => (
              <button
                key={each}
                type="button"
                aria-pressed={each === kind}
                onClick={() => setQuery(each === 'schedule' ? {} : { kind: each }, { replace: true })}
              >
                {name}
              </button>
            ))}
          </div>
        </div>
        {schedules === undefined ? (
          error === null ? (
            <Loading />
          ) : (
            <Trouble error={error} retry={() => void refetch()} />
          )
        ) : schedules.length === 0 ? (
          <None kind={kind} />
        ) : shown.length === 0 ? (
          <p className="sb-none">
            No {kind} has “{text}” in its name, title or runbook.
          </p>
        ) : (
          <ScheduleTable key={kind} kind={kind} schedules={shown} />
        )}
      </PageSection>
    </>
  );
}
