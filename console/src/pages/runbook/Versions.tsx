import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';

import { versionsQuery } from '../../api/queries';
import { CopyButton } from '../../show/CopyButton';
import { Loading } from '../../show/Loading';
import { Moment } from '../../show/Moments';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';

export function Versions({ project, runbook }: { project: string; runbook: string }) {
  const { data: versions, error } = useQuery(versionsQuery(project, runbook));
  if (versions === undefined) {
    return error === null ? <Loading /> : <TroubleNote error={error} />;
  }
  return (
    <Table aria-label="Versions" variant="compact" gridBreakPoint="" className="sb-table">
      <Thead>
        <Tr>
          <Th>Version</Th>
          <Th>Published</Th>
          <Th width={40}>By</Th>
        </Tr>
      </Thead>
      <Tbody>
        {versions.map((version) => (
          <Tr key={version.digest}>
            <Td dataLabel="Version">
              <code title={version.digest}>{version.digest.slice(0, 12)}</code>
              <CopyButton text={version.digest} label={`Copy the digest ${version.digest.slice(0, 12)}`} />
              {version.current && <span className="sb-current">current</span>}
            </Td>
            <Td dataLabel="Published">
              <Moment at={version.published_at} />
            </Td>
            <Td dataLabel="By">
              <VisibleText text={version.published_by} />
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
