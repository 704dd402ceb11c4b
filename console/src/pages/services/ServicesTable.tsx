import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { memo } from 'react';
import { Link } from 'react-router';

import type { EnvironmentHealth, Neighbour } from '../../api/shapes';
import { HealthGlyph, HealthLabel } from '../../show/Health';
import { healthWord } from '../../show/healthWords';
import { Ago } from '../../show/Moments';
import { projectPath, servicePath } from '../../show/places';
import { Prose } from '../../show/Prose';
import { VisibleText } from '../../show/VisibleText';
import type { ServiceRow } from './filter';

/** Ill ones that it depends on: beside it, as the likely cause. */
export function IllDependencies({ project, ills, here }: { project: string; ills: Neighbour[]; here: string }) {
  return (
    <span className="sb-ill-dependencies">
      depends on{' '}
      {ills.map(({ service, health }, at) => (
        <span key={service}>
          {at > 0 && ', '}
          <Link to={servicePath(project, service, here)}>{service}</Link>, which is <HealthGlyph health={health} />{' '}
          {healthWord(health)}
        </span>
      ))}
    </span>
  );
}

function Environment({ project, service, known }: { project: string; service: string; known: EnvironmentHealth }) {
  const { environment, health } = known;
  return (
    <Link
      to={servicePath(project, service, environment)}
      className="sb-environment"
      aria-label={`${service} in ${environment}: ${healthWord(health)}`}
      title={`${healthWord(health)}: ${known.cause}`}
    >
      <HealthGlyph health={health} />
      <VisibleText text={environment} />
    </Link>
  );
}

const Row = memo(function Row({ service, here }: ServiceRow) {
  const { project, name, title, owner, tier, lifecycle, environments } = service;
  const ills = here.ill_dependencies ?? [];
  return (
    <Tr>
      <Td dataLabel="Health" modifier="nowrap">
        <HealthLabel health={here.health} />
      </Td>
      <Td dataLabel="Service" className="sb-cell-main">
        <Link to={servicePath(project, name)}>
          <VisibleText text={title ?? name} />
        </Link>
        {title && <code className="sb-name">{name}</code>}
        {lifecycle !== 'production' && <span className="sb-lifecycle">{lifecycle}</span>}
        {here.health !== 'ok' && (
          <span className="sb-cause">
            <Prose text={here.cause} />
            {ills.length > 0 && <IllDependencies project={project} ills={ills} here={here.environment} />}
          </span>
        )}
      </Td>
      <Td dataLabel="Since" modifier="nowrap">
        {here.since ? <Ago at={here.since} /> : <span className="sb-faint sb-dash">–</span>}
      </Td>
      <Td dataLabel="Environments">
        <span className="sb-environments">
          {environments.map((known) => (
            <Environment key={known.environment} project={project} service={name} known={known} />
          ))}
        </span>
      </Td>
      <Td dataLabel="Owner">
        {owner ? (
          <Link className="sb-quiet-link" to={projectPath(project, 'teams', owner)}>
            {owner}
          </Link>
        ) : (
          <span className="sb-faint">nobody</span>
        )}
      </Td>
      <Td dataLabel="Tier" className="sb-number">
        {tier ? (
          <span title={`Tier ${tier} of 4; 1 is the most critical`}>{tier}</span>
        ) : (
          <span className="sb-faint sb-dash">–</span>
        )}
      </Td>
    </Tr>
  );
});

export function ServicesTable({ rows, label = 'Services' }: { rows: ServiceRow[]; label?: string }) {
  return (
    <Table aria-label={label} variant="compact" gridBreakPoint="" className="sb-table sb-services-table">
      <colgroup>
        <col className="sb-col-health" />
        <col />
        <col className="sb-col-since" />
        <col className="sb-col-environments" />
        <col className="sb-col-owner" />
        <col className="sb-col-tier" />
      </colgroup>
      <Thead>
        <Tr>
          <Th>Health</Th>
          <Th>Service</Th>
          <Th>Since</Th>
          <Th>Environments</Th>
          <Th>Owner</Th>
          <Th className="sb-number">Tier</Th>
        </Tr>
      </Thead>
      <Tbody>
        {rows.map(({ service, here }) => (
          <Row key={service.name} service={service} here={here} />
        ))}
      </Tbody>
    </Table>
  );
}
