import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { memo } from 'react';
import { Link } from 'react-router';

import type { ServiceSummary } from '../../api/shapes';
import { HealthLabel } from '../../show/Health';
import { servicePath } from '../../show/places';
import { VisibleText } from '../../show/VisibleText';
import type { ServiceRow } from './filter';

const Row = memo(function Row({ service, environments }: { service: ServiceSummary; environments: string[] }) {
  const { project, name, title } = service;
  return (
    <Tr>
      <Td dataLabel="Service" className="sb-cell-main">
        <Link to={servicePath(project, name)}>
          <VisibleText text={title ?? name} />
        </Link>
        {title && <code className="sb-name">{name}</code>}
      </Td>
      {environments.map((environment) => {
        const known = service.environments.find((each) => each.environment === environment);
        return (
          <Td key={environment} dataLabel={environment} data-there={known !== undefined}>
            {known === undefined ? (
              <span className="sb-faint" title={`It is not in ${environment}`}>
                <span aria-hidden="true">·</span>
                <span className="pf-v6-screen-reader">not there</span>
              </span>
            ) : (
              <Link
                to={servicePath(project, name, environment)}
                className="sb-matrix-cell"
                data-health={known.health}
                title={known.cause}
              >
                <HealthLabel health={known.health} />
              </Link>
            )}
          </Td>
        );
      })}
    </Tr>
  );
});

/** Service by environment, worst first. */
export function HealthMatrix({ rows, environments }: { rows: ServiceRow[]; environments: string[] }) {
  return (
    <div className="sb-matrix-scroll">
      <Table aria-label="Health matrix" variant="compact" gridBreakPoint="" className="sb-table sb-matrix">
        <Thead>
          <Tr>
            <Th>Service</Th>
            {environments.map((environment) => (
              <Th key={environment}>
                <VisibleText text={environment} />
              </Th>
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {rows.map(({ service }) => (
            <Row key={service.name} service={service} environments={environments} />
          ))}
        </Tbody>
      </Table>
    </div>
  );
}
