import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from 'react-router';

import type { RunSummary } from '../../api/shapes';
import { Ago, Took } from '../../show/Moments';
import { ProseWithRuns } from '../../show/ProseWithRuns';
import { StateLabel } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';

function RunRow({ run }: { run: RunSummary }) {
  return (
    <Tr>
      <Td dataLabel="State">
        <StateLabel state={run.state} />
      </Td>
      <Td dataLabel="Run" className="sb-cell-main">
        <Link to={`/p/${encodeURIComponent(run.project)}/runs/${run.id}`}>
          <VisibleText text={run.title ?? run.runbook} />
        </Link>{' '}
        {run.reason && (
          <span className="sb-reason">
            <VisibleText text={run.reason} />
          </span>
        )}
        {run.waits_for && (
          <span className="sb-waits-for">
            waits for <ProseWithRuns text={run.waits_for} project={run.project} />
          </span>
        )}
      </Td>
      <Td dataLabel="By">
        <VisibleText text={run.requested_by} />
      </Td>
      <Td dataLabel="Requested" modifier="nowrap">
        <Ago at={run.requested_at} />
      </Td>
      <Td dataLabel="Took" modifier="nowrap" className="sb-number">
        <Took from={run.started_at} to={run.finished_at} />
      </Td>
    </Tr>
  );
}

export function RunsTable({ runs }: { runs: RunSummary[] }) {
  return (
    <Table aria-label="Runs" variant="compact" gridBreakPoint="" className="sb-table sb-runs-table">
      <Thead>
        <Tr>
          <Th>State</Th>
          <Th width={60}>Run</Th>
          <Th>By</Th>
          <Th>Requested</Th>
          <Th className="sb-number">Took</Th>
        </Tr>
      </Thead>
      <Tbody>
        {runs.map((run) => (
          <RunRow key={run.id} run={run} />
        ))}
      </Tbody>
    </Table>
  );
}
