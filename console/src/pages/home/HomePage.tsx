import { PageSection } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Navigate } from 'react-router';

import { projectsQuery } from '../../api/queries';
import { Loading } from '../../show/Loading';
import { lastProject } from '../../shell/lastProject';
import { Trouble } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { NothingApplied } from '../runbooks/NothingApplied';

/** Leads to the project of last time, else to `default`, else to the first. */
export function HomePage() {
  usePageTitle('Home');
  const { data: projects, error, refetch } = useQuery(projectsQuery);
  if (projects === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  const names = projects.map(({ name }) => name);
  const project = [lastProject(), 'default', names[0]].find((name) => name && names.includes(name));
  return project ? (
    <Navigate to={`/p/${encodeURIComponent(project)}/runbooks`} replace />
  ) : (
    <PageSection isFilled>
      <NothingApplied project="default" />
    </PageSection>
  );
}
