import { Button, Title } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import { runsQuery } from '../../api/queries';
import type { Firing, RunSummary, ScheduleView } from '../../api/shapes';
import { FiringGlyph } from '../../schedule/FiringGlyph';
import { firingWords, tally } from '../../schedule/firings';
import { firingsQuery } from '../../schedule/queries';
import { RunLink } from '../../schedule/RunLink';
import { ClockTime, Moment } from '../../show/Moments';
import { ProseWithRuns } from '../../show/ProseWithRuns';
import { localTime } from '../../show/time';

const NEWEST_RUNS = 200;
const MOST_MARKS = 50;

interface FiringsProps {
  firings: Firing[];
  runs: ReadonlyMap<string, RunSummary>;
}

function described(firing: Firing, run: RunSummary | undefined): string {
  const { state, reason, due_at: at } = firing;
  const what = state === 'fired' ? (run?.state ?? 'fired') : firingWords(firing);
  return `${localTime(at)}: ${what}${reason ? `. ${reason}` : ''}`;
}

/** The newest instants in a row, oldest first. */
function Strip({ firings, runs }: FiringsProps) {
  return (
    <ol className="sb-strip" aria-label="The newest firings, oldest first">
      {firings
        .slice(0, MOST_MARKS)
        .toReversed()
        .map((firing) => {
          const run = firing.run ? runs.get(firing.run) : undefined;
          const text = described(firing, run);
          return (
            <li key={firing.due_at} title={text}>
              <FiringGlyph state={firing.state} run={run?.state} />
              <span className="pf-v6-screen-reader">{text}</span>
            </li>
          );
        })}
    </ol>
  );
}

function Instant({ firing }: { firing: Firing }) {
  const { due_at: at, after, count } = firing;
  if (count === 1 || !after) {
    return <Moment at={at} />;
  }
  const sameDay = localTime(after).slice(0, 10) === localTime(at).slice(0, 10);
  return (
    <>
      <span className="sb-faint">after </span>
      <Moment at={after} />
      <span className="sb-faint"> to </span>
      {sameDay ? <ClockTime at={at} /> : <Moment at={at} />}
    </>
  );
}

interface FiringRowProps {
  firing: Firing;
  runs: ReadonlyMap<string, RunSummary>;
  project: string;
}

function FiringRow({ firing, runs, project }: FiringRowProps) {
  const { run, reason, state } = firing;
  const known = run ? runs.get(run) : undefined;
  return (
    <Tr>
      <Td dataLabel="State" modifier="nowrap">
        <span className="sb-state" data-firing={state}>
          {run ? (
            <RunLink project={project} run={run} known={known} age={false} />
          ) : (
            <>
              <FiringGlyph state={state} />
              {firingWords(firing)}
            </>
          )}
        </span>
      </Td>
      <Td dataLabel="Due" className="sb-firing-due" modifier={firing.count === 1 ? 'nowrap' : undefined}>
        <Instant firing={firing} />
      </Td>
      <Td dataLabel="Why" className="sb-firing-why">
        {reason ? (
          <ProseWithRuns text={reason} project={project} />
        ) : (
          run && (
            <Link className="sb-quiet-link" to={`/p/${encodeURIComponent(project)}/runs/${run}`}>
              <code>{run.slice(-12)}</code>
            </Link>
          )
        )}
      </Td>
    </Tr>
  );
}

/** What became of the instants so far: in a row at a glance, and one by one. */
export function Firings({ view }: { view: ScheduleView }) {
  const { project, name, runbook } = view;
  const { data } = useInfiniteQuery(runsQuery(project, { states: [], runbook, text: '' }, NEWEST_RUNS));
  const runs = new Map((data?.pages[0]?.items ?? []).map((run) => [run.id, run]));
  const pages = useInfiniteQuery(firingsQuery(project, name));
  const firings = pages.data?.pages.flatMap((page) => page.items) ?? view.firings;
  const counts = tally(firings);
  if (firings.length === 0) {
    return (
      <section className="sb-schedule-part">
        <Title headingLevel="h2" size="md">
          Firings
        </Title>
        <p className="sb-faint">Nothing was due yet.</p>
      </section>
    );
  }
  return (
    <section className="sb-schedule-part" aria-label="Firings">
      <div className="sb-section-head">
        <Title headingLevel="h2" size="md">
          Firings
        </Title>
        <span className="sb-faint sb-small">
          newest {firings.length}:{' '}
          {(['fired', 'missed', 'skipped'] as const)
            .filter((state) => counts[state] > 0)
            .map((state) => `${counts[state].toLocaleString('en')} ${state}`)
            .join(', ')}
        </span>
      </div>
      <Strip firings={firings} runs={runs} />
      <Table aria-label="Firings" variant="compact" gridBreakPoint="" className="sb-table sb-firings-table">
        <Thead>
          <Tr>
            <Th>State</Th>
            <Th>Due</Th>
            <Th width={60}>Run, or why there is none</Th>
          </Tr>
        </Thead>
        <Tbody>
          {firings.map((firing) => (
            <FiringRow key={firing.due_at} firing={firing} runs={runs} project={project} />
          ))}
        </Tbody>
      </Table>
      {pages.hasNextPage && (
        <div className="sb-more">
          <Button
            variant="secondary"
            isLoading={pages.isFetchingNextPage}
            isDisabled={pages.isFetchingNextPage}
            onClick={() => void pages.fetchNextPage()}
          >
            Older firings
          </Button>
        </div>
      )}
    </section>
  );
}
