import { PageSection, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useParams } from 'react-router';

import { servicesQuery, teamQuery } from '../../api/queries';
import { useServicesLive } from '../../live/useServicesLive';
import { JsonLink } from '../../show/JsonLink';
import { Links } from '../../show/Links';
import { Loading } from '../../show/Loading';
import { Markdown } from '../../show/Markdown';
import { Ago } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { apiPath, projectPath } from '../../show/places';
import { Trouble, TroubleNote } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { ALL_SERVICES, findServices } from '../services/filter';
import '../services/services.css';
import { ServicesTable } from '../services/ServicesTable';

interface ServicesOfProps {
  project: string;
  title: string;
  names: string[];
  none: ReactNode;
}

/** Services by name, as they are now, worst first. */
function ServicesOf({ project, title, names, none }: ServicesOfProps) {
  const { data: services, error } = useQuery(servicesQuery(project));
  const theirs = services?.filter(({ name }) => names.includes(name)) ?? [];
  return (
    <section className="sb-team-services">
      <Title headingLevel="h2" size="lg">
        {title}
      </Title>
      {names.length === 0 ? (
        <p className="sb-faint">{none}</p>
      ) : services === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <TroubleNote error={error} />
        )
      ) : (
        <ServicesTable label={title} rows={findServices(theirs, ALL_SERVICES).rows} />
      )}
    </section>
  );
}

export default function TeamPage() {
  const { project = '', team: name = '' } = useParams();
  const { data: view, error, refetch } = useQuery(teamQuery(project, name));
  useServicesLive(project);
  usePageTitle(view?.team.title ?? name);
  if (view === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  const { team, owns, operates } = view;
  const members = team.members ?? [];
  const others = operates.filter((service) => !owns.includes(service));
  return (
    <>
      <PageHead
        above={{ to: projectPath(project, 'services'), name: 'Services', here: name }}
        title={<VisibleText text={team.title ?? name} />}
        facts={
          <>
            <span>team</span>
            <span>
              version <code title={view.digest}>{view.digest.slice(0, 12)}</code>, published{' '}
              <Ago at={view.published_at} /> by <VisibleText text={view.published_by} />
            </span>
            <JsonLink to={apiPath(project, 'teams', name)} of="the team" />
          </>
        }
      />
      <PageSection isFilled className="sb-body sb-team">
        {team.description && (
          <div className="sb-inventory-description">
            <Markdown text={team.description} />
          </div>
        )}
        <dl className="sb-values">
          <div>
            <dt>contact</dt>
            <dd>
              {team.contact ? <VisibleText text={team.contact} /> : <span className="sb-faint">none is named</span>}
            </dd>
          </div>
          <div>
            <dt>members</dt>
            <dd>
              {members.length > 0 ? (
                <VisibleText text={members.join(', ')} />
              ) : (
                <span className="sb-faint">none are named</span>
              )}
            </dd>
          </div>
          {(team.links ?? []).length > 0 && (
            <div>
              <dt>links</dt>
              <dd>
                <Links links={team.links ?? []} />
              </dd>
            </div>
          )}
        </dl>
        <ServicesOf
          project={project}
          title="Owns"
          names={owns}
          none={
            <>
              No service says <code>owner: {name}</code>.
            </>
          }
        />
        {others.length > 0 && <ServicesOf project={project} title="Operates for others" names={others} none={null} />}
      </PageSection>
    </>
  );
}
