import { Button, Radio } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';

import { versionsQuery } from '../../api/queries';
import type { VersionSummary } from '../../api/shapes';
import { CopyButton } from '../../show/CopyButton';
import { Loading } from '../../show/Loading';
import { Moment } from '../../show/Moments';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';
import { Diff } from './Diff';
import { Rollback } from './Rollback';

interface VersionsProps {
  project: string;
  runbook: string;
  retired: boolean;
}

/** Which two are compared: those that the address names, else the current one and the one before it. */
function compared(versions: VersionSummary[], query: URLSearchParams): [string, string] | null {
  const known = (name: string): string | null =>
    versions.find(({ digest }) => digest === query.get(name))?.digest ?? null;
  const current = Math.max(
    0,
    versions.findIndex((version) => version.current),
  );
  const from = known('from') ?? versions[current + 1]?.digest ?? versions.find((_, at) => at !== current)?.digest;
  const to = known('to') ?? versions[current]?.digest;
  return from === undefined || to === undefined ? null : [from, to];
}

/** Where the document of a version is shown, beside this tab. */
function documentOf({ digest, current }: VersionSummary): string {
  return current ? '?tab=document' : `?tab=document&version=${digest}`;
}

/** The history of a runbook: what differs between two of its versions, and the way back. */
export function Versions({ project, runbook, retired }: VersionsProps) {
  const { data: versions, error } = useQuery(versionsQuery(project, runbook));
  const [query, setQuery] = useSearchParams();
  const [back, goBack] = useState<VersionSummary | null>(null);
  if (versions === undefined) {
    return error === null ? <Loading /> : <TroubleNote error={error} />;
  }
  const pair = compared(versions, query);
  const choose = (side: 'from' | 'to', digest: string): void => {
    const next = new URLSearchParams(query);
    if (pair !== null) {
      next.set('from', pair[0]);
      next.set('to', pair[1]);
    }
    next.set(side, digest);
    setQuery(next, { replace: true });
  };
  return (
    <div className="sb-versions">
      <Table aria-label="Versions" variant="compact" gridBreakPoint="" className="sb-table">
        <Thead>
          <Tr>
            {versions.length > 1 && <Th>From</Th>}
            {versions.length > 1 && <Th>To</Th>}
            <Th>Version</Th>
            <Th>Published</Th>
            <Th width={40}>By</Th>
            <Th screenReaderText="What can be done" />
          </Tr>
        </Thead>
        <Tbody>
          {versions.map((version) => {
            const short = version.digest.slice(0, 12);
            return (
              <Tr key={version.digest}>
                {versions.length > 1 &&
                  (['from', 'to'] as const).map((side, at) => (
                    <Td key={side} dataLabel={side} className="sb-pick">
                      <Radio
                        id={`${side}-${version.digest}`}
                        name={`compare-${side}`}
                        aria-label={side === 'from' ? `Compare from ${short}` : `Compare to ${short}`}
                        isChecked={pair?.[at] === version.digest}
                        onChange={() => choose(side, version.digest)}
                      />
                      <span className="sb-pick-name" aria-hidden="true">
                        {side}
                      </span>
                    </Td>
                  ))}
                <Td dataLabel="Version" className="sb-cell-main">
                  <Link to={documentOf(version)} title={version.digest}>
                    <code>{short}</code>
                  </Link>
                  <CopyButton text={version.digest} label={`Copy the digest ${short}`} />
                  {version.current && <span className="sb-current">current</span>}
                </Td>
                <Td dataLabel="Published">
                  <Moment at={version.published_at} />
                </Td>
                <Td dataLabel="By">
                  <VisibleText text={version.published_by} />
                </Td>
                <Td dataLabel="What can be done" isActionCell className="sb-number">
                  {!version.current && !retired && (
                    <Button
                      variant="secondary"
                      size="sm"
                      aria-label={`Roll back to ${short}`}
                      onClick={() => goBack(version)}
                    >
                      Roll back
                    </Button>
                  )}
                </Td>
              </Tr>
            );
          })}
        </Tbody>
      </Table>
      {versions.length === 1 && (
        <p className="sb-faint">
          There is only this one. The next time that it is applied with a change, both are here.
        </p>
      )}
      {pair !== null &&
        (pair[0] === pair[1] ? (
          <p className="sb-faint">Choose two versions to see how they differ.</p>
        ) : (
          <Diff project={project} runbook={runbook} from={pair[0]} to={pair[1]} />
        ))}
      {back !== null && <Rollback project={project} runbook={runbook} version={back} close={() => goBack(null)} />}
    </div>
  );
}
