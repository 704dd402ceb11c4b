import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import type { ServiceView } from '../api/shapes';
import { HealthMark } from '../show/HealthMark';
import { Prose } from '../show/Prose';
import { TroubleNote } from '../show/Trouble';
import { VisibleText } from '../show/VisibleText';
import { serviceQuery } from './queries';
import type { Place } from './shapes';

export function serviceLink(project: string, service: string): string {
  return `/p/${encodeURIComponent(project)}/services/${encodeURIComponent(service)}`;
}

/** Those that it depends on and that are ill: beside it, not mixed in. What nobody ever watched is not ill. */
function IllDependencies({ view, environment }: { view: ServiceView; environment: string }) {
  const there = view.environments.find((each) => each.environment === environment);
  const ill = there?.dependencies.filter(({ health }) => health !== 'ok' && health !== 'unknown') ?? [];
  if (ill.length === 0) {
    return null;
  }
  return (
    <ul className="sb-pair-depends" aria-label="What it depends on and is ill">
      {ill.map(({ service, health, since, cause }) => (
        <li key={service}>
          <span>
            depends on <Link to={serviceLink(view.project, service)}>{service}</Link>
          </span>
          <HealthMark health={health} since={since} />
          <span className="sb-pair-cause">
            <Prose text={cause} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** How a service is in an environment now: since when, why, and what it depends on that is ill. */
export function ServiceNow({ project, place }: { project: string; place: Place }) {
  const { data: view, error } = useQuery(serviceQuery(project, place.service));
  if (!view) {
    return error === null ? null : <TroubleNote error={error} />;
  }
  const there = view.environments.find(({ environment }) => environment === place.environment);
  return (
    <div className="sb-pair-service">
      <div className="sb-pair-service-head">
        <span>
          <Link to={serviceLink(project, place.service)}>
            <strong>
              <VisibleText text={view.service.title ?? view.service.name} />
            </strong>
          </Link>{' '}
          <span className="sb-faint">
            <VisibleText text={place.environment} />
          </span>
        </span>
        {there && <HealthMark health={there.health.health} since={there.health.since} />}
      </div>
      {there === undefined ? (
        <p className="sb-faint">
          It is not in this environment: its document names {view.service.environments.join(', ')}.
        </p>
      ) : (
        there.health.health !== 'ok' && (
          <p className="sb-pair-cause">
            <Prose text={there.health.cause} />
          </p>
        )
      )}
      <IllDependencies view={view} environment={place.environment} />
    </div>
  );
}
