import { PageSection } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';

import { runbooksQuery } from '../../api/queries';
import type { RunbookSummary } from '../../api/shapes';
import { useRunsLive } from '../../live/useRunsLive';
import { EffectLabel } from '../../show/Effect';
import { Loading } from '../../show/Loading';
import { Ago } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { StateLabel } from '../../show/State';
import { Trouble } from '../../show/Trouble';
import { useFiltered } from '../../show/useFiltered';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { IllNow } from '../home/IllNow';
import { NothingApplied } from './NothingApplied';

function wordsOf(runbook: RunbookSummary) {
  return [runbook.name, runbook.title, runbook.service, runbook.description];
}

function LastRun({ runbook }: { runbook: RunbookSummary }) {
  const run = runbook.last_run;
  if (!run) {
    return <span className="sb-faint">never</span>;
  }
  return (
    <Link className="sb-last-run" to={`/p/${encodeURIComponent(run.project)}/runs/${run.id}`}>
      <StateLabel state={run.state} />
      <Ago at={run.finished_at ?? run.started_at ?? run.requested_at} />
    </Link>
  );
}

function RunbookRow({ runbook }: { runbook: RunbookSummary }) {
  return (
    <Tr>
      <Td dataLabel="Runbook" className="sb-cell-main">
        <Link to={`/p/${encodeURIComponent(runbook.project)}/runbooks/${encodeURIComponent(runbook.name)}`}>
          <VisibleText text={runbook.title ?? runbook.name} />
        </Link>{' '}
        {runbook.title && <code className="sb-name">{runbook.name}</code>}
      </Td>
      <Td dataLabel="Effect">
        <EffectLabel effect={runbook.effect} />
      </Td>
      <Td dataLabel="Service">
        {runbook.service ? <VisibleText text={runbook.service} /> : <span className="sb-faint">–</span>}
      </Td>
      <Td dataLabel="Last run">
        <LastRun runbook={runbook} />
      </Td>
    </Tr>
  );
}

export default function RunbooksPage() {
  usePageTitle('Runbooks');
  const { project = '' } = useParams();
  const { data: runbooks, error, refetch } = useQuery(runbooksQuery(project));
  const { text, shown, field } = useFiltered(runbooks, wordsOf, 'Filter runbooks');
  useRunsLive(project);

  if (runbooks === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  return (
    <>
      <PageHead title="Runbooks" actions={field} />
      <PageSection isFilled className="sb-body">
        <IllNow project={project} />
        {runbooks.length === 0 ? (
          <NothingApplied project={project} />
        ) : shown.length === 0 ? (
          <p className="sb-none">No runbook has “{text}” in its name, title, service or description.</p>
        ) : (
          <Table aria-label="Runbooks" variant="compact" gridBreakPoint="" className="sb-table sb-runbooks-table">
            <Thead>
              <Tr>
                <Th width={50}>Runbook</Th>
                <Th>Effect</Th>
                <Th>Service</Th>
                <Th>Last run</Th>
              </Tr>
            </Thead>
            <Tbody>
              {shown.map((runbook) => (
                <RunbookRow key={runbook.name} runbook={runbook} />
              ))}
            </Tbody>
          </Table>
        )}
      </PageSection>
    </>
  );
}
