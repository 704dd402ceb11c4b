import { Button, PageSection, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useMemo } from 'react';
import { useParams, useSearchParams } from 'react-router';

import { servicesQuery } from '../../api/queries';
import type { ServiceFilter, ServiceSummary } from '../../api/shapes';
import { useServicesLive } from '../../live/useServicesLive';
import { JsonLink } from '../../show/JsonLink';
import { Loading } from '../../show/Loading';
import { PageHead } from '../../show/PageHead';
import { apiPath } from '../../show/places';
import { Trouble } from '../../show/Trouble';
import { useMore } from '../../show/useMore';
import { usePageTitle } from '../../show/usePageTitle';
import { ALL_SERVICES, environmentsOf, filterFrom, findServices, toQuery } from './filter';
import { FilterBar } from './FilterBar';
import { HealthMatrix } from './HealthMatrix';
import { NoServices } from './NoServices';
import { ServicesTable } from './ServicesTable';
import './services.css';

/** A thousand are read at once and drawn piece by piece: what is worst stands first. */
const PIECE = 100;

const VIEWS = ['list', 'matrix'] as const;
type View = (typeof VIEWS)[number];

function Found({
  services,
  filter,
  view,
  all,
}: {
  services: ServiceSummary[];
  filter: ServiceFilter;
  view: View;
  all: () => void;
}) {
  const { rows } = useMemo(() => findServices(services, filter), [services, filter]);
  const { shown, more } = useMore(rows, PIECE, { byItself: true });
  const environments = filter.environment === null ? environmentsOf(services) : [filter.environment];
  if (rows.length === 0) {
    return (
      <p className="sb-none">
        No service is like that.{' '}
        <Button variant="link" isInline onClick={all}>
          Show all services
        </Button>
      </p>
    );
  }
  return (
    <>
      {view === 'matrix' ? <HealthMatrix rows={shown} environments={environments} /> : <ServicesTable rows={shown} />}
      {more}
    </>
  );
}

export default function ServicesPage() {
  usePageTitle('Services');
  const { project = '' } = useParams();
  const [query, setQuery] = useSearchParams();
  const { data: services, error, refetch } = useQuery(servicesQuery(project));
  useServicesLive(project);
  const said = query.toString();
  const filter = useMemo(() => filterFrom(new URLSearchParams(said)), [said]);
  const view = VIEWS.find((each) => each === query.get('view')) ?? 'list';
  const counts = useMemo(() => findServices(services ?? [], filter).counts, [services, filter]);
  // Typing goes on while a long list is still drawn.
  const drawn = useDeferredValue(filter);

  const go = (next: ServiceFilter, as: View): void => {
    const to = toQuery(next);
    if (as !== 'list') {
      to.set('view', as);
    }
    setQuery(to, { replace: true });
  };
  if (services === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  if (services.length === 0) {
    return (
      <>
        <PageHead title="Services" />
        <PageSection isFilled className="sb-body">
          <NoServices project={project} />
        </PageSection>
      </>
    );
  }
  return (
    <>
      <PageHead
        title="Services"
        actions={
          <div className="sb-services-views">
            <JsonLink to={apiPath(project, 'services')} of="the services" />
            <ToggleGroup aria-label="View" isCompact>
              <ToggleGroupItem
                text="List"
                buttonId="view-list"
                isSelected={view === 'list'}
                onChange={() => go(filter, 'list')}
              />
              <ToggleGroupItem
                text="Matrix"
                buttonId="view-matrix"
                isSelected={view === 'matrix'}
                onChange={() => go(filter, 'matrix')}
              />
            </ToggleGroup>
          </div>
        }
      />
      <PageSection isFilled className="sb-body">
        <FilterBar services={services} counts={counts} filter={filter} change={(next) => go(next, view)} />
        <Found services={services} filter={drawn} view={view} all={() => go(ALL_SERVICES, view)} />
      </PageSection>
    </>
  );
}
