import { Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import { servicesQuery } from '../../api/queries';
import { HealthGlyph, HealthLabel } from '../../show/Health';
import { Ago } from '../../show/Moments';
import { projectPath, servicePath } from '../../show/places';
import { Prose } from '../../show/Prose';
import { VisibleText } from '../../show/VisibleText';
import { howAll } from './howAll';
import './home.css';

const FEW = 5;
/** Where one lands is no place to stare at: a second connection for it would be too much. */
const EVERY_MS = 30_000;

/** What is ill, or not known, where one begins; nothing if all is well, or there is no service. */
export function IllNow({ project }: { project: string }) {
  const { data: services, error } = useQuery({ ...servicesQuery(project), refetchInterval: EVERY_MS });
  const list = projectPath(project, 'services');
  if (services === undefined) {
    return error === null ? null : (
      <p className="sb-ill-unknown">
        <HealthGlyph health="unknown" /> How the services are could not be asked. <Link to={list}>Services</Link>
      </p>
    );
  }
  const { ill, unknown } = howAll(services);
  if (ill.length === 0 && unknown === 0) {
    return null;
  }
  return (
    <section className="sb-ill-now" aria-label="How the services are">
      {ill.length > 0 && (
        <>
          <div className="sb-section-head">
            <Title headingLevel="h2" size="md">
              Ill now
            </Title>
            <Link to={`${list}?health=bad%2Cdata_error%2Cstale%2Cdegraded`}>
              {ill.length > FEW ? `All ${ill.length.toLocaleString('en')}` : 'Services'}
            </Link>
          </div>
          <ul>
            {ill.slice(0, FEW).map(({ service, here }) => (
              <li key={service.name}>
                <HealthLabel health={here.health} />
                <span className="sb-ill-what">
                  <Link to={servicePath(project, service.name, here.environment)}>
                    <VisibleText text={service.title ?? service.name} />
                  </Link>{' '}
                  <span className="sb-faint">
                    in {here.environment}: <Prose text={here.cause} />
                  </span>
                </span>
                {here.since && <Ago at={here.since} />}
              </li>
            ))}
          </ul>
        </>
      )}
      {unknown > 0 && (
        <p className="sb-ill-unknown">
          <HealthGlyph health="unknown" />{' '}
          <Link to={`${list}?health=unknown`}>
            {unknown === 1 ? 'One service is' : `${unknown.toLocaleString('en')} services are`} unknown
          </Link>
          : nobody watches, or nobody could tell.
        </p>
      )}
    </section>
  );
}
