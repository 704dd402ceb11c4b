import { PageSection } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams, useSearchParams } from 'react-router';

import { healthHistoryQuery, serviceQuery } from '../../api/queries';
import type { EnvironmentView, Health, ServiceView } from '../../api/shapes';
import { useServicesLive } from '../../live/useServicesLive';
import { HealthLabel } from '../../show/Health';
import { badness } from '../../show/healthWords';
import { JsonLink } from '../../show/JsonLink';
import { Loading } from '../../show/Loading';
import { PageHead } from '../../show/PageHead';
import { apiPath, projectPath } from '../../show/places';
import { Trouble, TroubleNote } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { About } from './About';
import { EnvironmentPills } from './EnvironmentPills';
import { Facts } from './Facts';
import { HealthChanges } from './HealthChanges';
import { HealthNow } from './HealthNow';
import { Section } from './Section';
import './service.css';
import { Uptime } from './Uptime';
import { WhatChanged } from './WhatChanged';
import { WhatToDo } from './WhatToDo';

function worstOf(views: EnvironmentView[]): Health {
  return views.reduce<Health>(
    (worst, { health }) => (badness(health.health) > badness(worst) ? health.health : worst),
    'ok',
  );
}

function HeadFacts({ view }: { view: ServiceView }) {
  const { project, service } = view;
  const operator = service.operator ?? service.owner;
  return (
    <>
      {service.owner && (
        <span>
          owner <Link to={projectPath(project, 'teams', service.owner)}>{service.owner}</Link>
        </span>
      )}
      {operator && operator !== service.owner && (
        <span>
          operator <Link to={projectPath(project, 'teams', operator)}>{operator}</Link>
        </span>
      )}
      {service.tier && <span>tier {service.tier}</span>}
      <span>lifecycle {service.lifecycle}</span>
    </>
  );
}

/** How it was: strips, and each change. */
function History({ view, environment }: { view: ServiceView; environment: string | null }) {
  const { project, service } = view;
  const { data, error } = useQuery(healthHistoryQuery(project, service.name));
  if (data === undefined) {
    return error === null ? <Loading /> : <TroubleNote error={error} />;
  }
  const here = ({ environment: where }: { environment: string }): boolean =>
    environment === null || where === environment;
  const strips = data.strips.filter(here);
  const parameters = environment === null ? '' : `?environment=${encodeURIComponent(environment)}`;
  return (
    <>
      {strips.length > 0 && (
        <div className="sb-service-part">
          <div className="sb-section-head">
            <h3>Ninety days</h3>
            <JsonLink to={`${apiPath(project, 'services', service.name, 'health')}${parameters}`} of="ninety days" />
          </div>
          <Uptime project={project} strips={strips} />
        </div>
      )}
      {(strips.length > 0 || data.changes.length > 0) && (
        <div className="sb-service-part">
          <h3>Changes of health</h3>
          <HealthChanges project={project} service={service.name} changes={data.changes.filter(here)} />
        </div>
      )}
    </>
  );
}

export default function ServicePage() {
  const { project = '', service: name = '' } = useParams();
  const [query] = useSearchParams();
  const { data: view, error, refetch } = useQuery(serviceQuery(project, name));
  const history = useQuery(healthHistoryQuery(project, name));
  useServicesLive(project);
  usePageTitle(view?.service.title ?? name);
  if (view === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  const environments = view.environments.map(({ environment }) => environment);
  const chosen = environments.find((each) => each === query.get('environment')) ?? null;
  const views = view.environments.filter(({ environment }) => chosen === null || environment === chosen);
  return (
    <>
      <PageHead
        above={{ to: projectPath(project, 'services'), name: 'Services', here: name }}
        title={<VisibleText text={view.service.title ?? name} />}
        beside={<HealthLabel health={worstOf(view.environments)} large />}
        facts={<HeadFacts view={view} />}
      />
      <PageSection isFilled className="sb-body">
        {environments.length > 1 && <EnvironmentPills views={view.environments} chosen={chosen} />}
        <div className="sb-service">
          <div className="sb-service-main">
            <Section title="Health" json={apiPath(project, 'services', name)}>
              <HealthNow project={project} service={name} views={views} />
              <History view={view} environment={chosen} />
            </Section>
            <Facts project={project} service={name} environment={chosen} environments={environments} />
            <WhatChanged project={project} service={name} environment={chosen} changes={history.data?.changes ?? []} />
          </div>
          <div className="sb-service-side">
            <WhatToDo view={view} />
            <About view={view} />
          </div>
        </div>
      </PageSection>
    </>
  );
}
