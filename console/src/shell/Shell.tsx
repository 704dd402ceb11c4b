import { Page, SkipToContent } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { Navigate, Outlet, useLocation, useMatch } from 'react-router';

import { projectsQuery, sessionQuery } from '../api/queries';
import { Loading } from '../show/Loading';
import { Trouble } from '../show/Trouble';
import { Boundary } from './Boundary';
import { ConnectionBanner } from './ConnectionBanner';
import { lastProject, rememberProject } from './lastProject';
import { Navigation } from './Navigation';
import { SessionContext } from './session';
import './shell.css';
import { TopBar } from './TopBar';

const MAIN = 'main';
const WIDE = window.matchMedia('(min-width: 75rem)');

function onWideChange(listener: () => void): () => void {
  WIDE.addEventListener('change', listener);
  return () => WIDE.removeEventListener('change', listener);
}

function isWide(): boolean {
  return WIDE.matches;
}

/** What stands around every page of somebody who is signed in. */
export function Shell() {
  const { data: session, error, refetch } = useQuery(sessionQuery);
  const { data: projects } = useQuery({ ...projectsQuery, enabled: session !== null && session !== undefined });
  const location = useLocation();
  const inProject = useMatch('/p/:project/*');
  const wide = useSyncExternalStore(onWideChange, isWide);
  // On a small screen the navigation lies over the page, and is put away when it has led somewhere.
  const [chosen, choose] = useState<{ open: boolean; at: string } | null>(null);
  const open = wide ? (chosen?.open ?? true) : chosen?.open === true && chosen.at === location.pathname;
  const project = inProject?.params.project ?? lastProject();

  const named = inProject?.params.project;
  const known = projects?.some(({ name }) => name === named) === true;
  useEffect(() => {
    if (named !== undefined && known) {
      rememberProject(named);
    }
  }, [named, known]);

  if (session === null) {
    const to = `${location.pathname}${location.search}`;
    return <Navigate to={to === '/' ? '/sign-in' : `/sign-in?to=${encodeURIComponent(to)}`} replace />;
  }
  if (session === undefined) {
    return error === null ? (
      <Loading />
    ) : (
      <main>
        <Trouble error={error} retry={() => void refetch()} />
      </main>
    );
  }
  return (
    <SessionContext value={session}>
      <Page
        isContentFilled
        mainContainerId={MAIN}
        mainTabIndex={-1}
        skipToContent={<SkipToContent href={`#${MAIN}`}>Skip to content</SkipToContent>}
        masthead={
          <TopBar project={project} open={open} toggle={() => choose({ open: !open, at: location.pathname })} />
        }
        sidebar={<Navigation project={project} open={open} over={!wide} />}
        banner={<ConnectionBanner />}
      >
        <Boundary key={location.pathname}>
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </Boundary>
      </Page>
    </SessionContext>
  );
}
