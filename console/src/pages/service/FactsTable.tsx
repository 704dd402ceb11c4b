import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { Link } from 'react-router';

import type { FactView } from '../../api/shapes';
import { FactStateLabel } from '../../show/FactState';
import { Ago } from '../../show/Moments';
import { projectPath } from '../../show/places';
import { useMore } from '../../show/useMore';
import { VisibleText } from '../../show/VisibleText';
import { FactValue } from './FactValue';

const PIECE = 50;

function FactRow({ project, fact }: { project: string; fact: FactView }) {
  const first = typeof fact.previous !== 'string';
  return (
    <Tr className={`sb-fact sb-fact-row-${fact.state}`}>
      <Td dataLabel="Fact" className="sb-cell-main">
        <code className="sb-fact-key">{fact.key}</code>
        {fact.target && (
          <span className="sb-name">
            <VisibleText text={fact.target} />
          </span>
        )}
      </Td>
      <Td dataLabel="Value" className="sb-fact-cell">
        <FactStateLabel state={fact.state} />
        <FactValue text={fact.value} />
      </Td>
      <Td dataLabel="Changed" className="sb-fact-changed">
        <Ago at={fact.changed_at} />
        {fact.state === 'gone' ? (
          <span className="sb-faint"> it went</span>
        ) : first ? (
          <span className="sb-faint"> first seen</span>
        ) : fact.previous === fact.value ? (
          <span className="sb-faint"> it came back</span>
        ) : (
          <span className="sb-faint">
            {' '}
            was <FactValue text={fact.previous ?? ''} />
          </span>
        )}
      </Td>
      <Td dataLabel="Seen" modifier="nowrap">
        <Link className="sb-quiet-link" to={projectPath(project, 'runs', fact.run)}>
          <Ago at={fact.observed_at} />
          <span className="pf-v6-screen-reader">
            , by {fact.collector}: {fact.key}
          </span>
        </Link>
      </Td>
    </Tr>
  );
}

export function FactsTable({
  project,
  environment,
  facts,
}: {
  project: string;
  environment: string;
  facts: FactView[];
}) {
  const { shown, more } = useMore(facts, PIECE);
  return (
    <>
      <Table
        aria-label={`Facts in ${environment}`}
        variant="compact"
        gridBreakPoint=""
        className="sb-table sb-facts-table"
      >
        <Thead>
          <Tr>
            <Th width={25}>Fact</Th>
            <Th width={35}>Value</Th>
            <Th width={25}>Last change</Th>
            <Th width={15}>Seen</Th>
          </Tr>
        </Thead>
        <Tbody>
          {shown.map((fact) => (
            <FactRow key={`${fact.collector} ${fact.target ?? ''} ${fact.key}`} project={project} fact={fact} />
          ))}
        </Tbody>
      </Table>
      {more}
    </>
  );
}
