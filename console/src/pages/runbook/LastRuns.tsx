import { Title } from '@patternfly/react-core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import { runsQuery } from '../../api/queries';
import type { RunbookView } from '../../api/shapes';
import { Ago, Took } from '../../show/Moments';
import { StateLabel } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';

const MOST = 5;

/** The newest runs of a runbook, live. */
export function LastRuns({ view }: { view: RunbookView }) {
  const { project, runbook } = view;
  const { data } = useInfiniteQuery(runsQuery(project, { states: [], runbook: runbook.name, text: '' }, MOST));
  const runs = data?.pages[0]?.items.slice(0, MOST) ?? [];
  const root = `/p/${encodeURIComponent(project)}/runs`;
  return (
    <section className="sb-last-runs-part">
      <div className="sb-section-head">
        <Title headingLevel="h2" size="md">
          Last runs
        </Title>
        {runs.length > 0 && <Link to={`${root}?runbook=${encodeURIComponent(runbook.name)}`}>All runs</Link>}
      </div>
      {runs.length === 0 && <p className="sb-faint">It has not run yet.</p>}
      <ul className="sb-last-runs">
        {runs.map((run) => (
          <li key={run.id}>
            <Link to={`${root}/${run.id}`}>
              <StateLabel state={run.state} />
            </Link>
            <span className="sb-last-runs-why">
              {run.reason && <VisibleText text={run.reason} />}{' '}
              <span className="sb-faint">
                <VisibleText text={run.requested_by} />
              </span>
            </span>
            <Ago at={run.requested_at} />
            <Took from={run.started_at} to={run.finished_at} />
          </li>
        ))}
      </ul>
    </section>
  );
}
