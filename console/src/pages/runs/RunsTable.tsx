import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from 'react-router';

import type { RunSummary } from '../../api/shapes';
import { Ago, Took } from '../../show/Moments';
import { StateLabel } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';

interface RunsTableProps {
  runs: RunSummary[];
  /** Runs of one runbook need not say which. */
  ofOneRunbook?: boolean;
}

function RunRow({ run, ofOneRunbook }: { run: RunSummary; ofOneRunbook: boolean }) {
  const to = `/p/${encodeURIComponent(run.project)}/runs/${run.id}`;
  return (
    <Tr>
      <Td dataLabel="State">
        <StateLabel state={run.state} />
      </Td>
      <Td dataLabel={ofOneRunbook ? 'Reason' : 'Run'} className="sb-cell-main">
        {ofOneRunbook ? (
          <Link to={to}>{run.reason ? <VisibleText text={run.reason} /> : `Run ${run.id.slice(-6)}`}</Link>
        ) : (
          <>
            <Link to={to}>
              <VisibleText text={run.title ?? run.runbook} />
            </Link>
            {run.reason && (
              <span className="sb-reason">
                <VisibleText text={run.reason} />
              </span>
            )}
          </>
        )}
      </Td>
      <Td dataLabel="By" modifier="truncate">
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

export function RunsTable({ runs, ofOneRunbook = false }: RunsTableProps) {
  return (
    <Table aria-label="Runs" variant="compact" gridBreakPoint="grid-md" className="sb-table">
      <Thead>
        <Tr>
          <Th modifier="fitContent">State</Th>
          <Th width={50}>{ofOneRunbook ? 'Reason' : 'Run'}</Th>
          <Th>By</Th>
          <Th>Requested</Th>
          <Th className="sb-number">Took</Th>
        </Tr>
      </Thead>
      <Tbody>
        {runs.map((run) => (
          <RunRow key={run.id} run={run} ofOneRunbook={ofOneRunbook} />
        ))}
      </Tbody>
    </Table>
  );
}
