import { Nav, NavItem, NavList, PageSidebar, PageSidebarBody } from '@patternfly/react-core';
import { Link, useLocation } from 'react-router';

import { Icon, type IconName } from '../show/Icon';
import { useSession } from './session';

interface Place {
  to: string;
  name: string;
  icon: IconName;
}

interface NavigationProps {
  project: string | null;
  open: boolean;
  /** On a small screen it lies over the page. */
  over: boolean;
}

export function Navigation({ project, open, over }: NavigationProps) {
  const { pathname } = useLocation();
  const { role } = useSession();
  const places: Place[] = [];
  if (project !== null) {
    const root = `/p/${encodeURIComponent(project)}`;
    places.push({ to: `${root}/services`, name: 'Services', icon: 'services' });
    places.push({ to: `${root}/runbooks`, name: 'Runbooks', icon: 'runbooks' });
    places.push({ to: `${root}/runs`, name: 'Runs', icon: 'runs' });
    places.push({ to: `${root}/schedules`, name: 'Schedules', icon: 'schedules' });
    places.push({ to: `${root}/inventories`, name: 'Inventories', icon: 'inventories' });
  }
  if (role === 'admin') {
    places.push({ to: '/tokens', name: 'Tokens', icon: 'tokens' });
  }
  return (
    <PageSidebar isSidebarOpen={open} id="navigation" className={open && over ? 'pf-m-expanded' : undefined}>
      <PageSidebarBody>
        <Nav aria-label="Places">
          <NavList>
            {places.map(({ to, name, icon }) => {
              const active = pathname === to || pathname.startsWith(`${to}/`);
              return (
                <NavItem key={to} itemId={to} isActive={active}>
                  <Link to={to} aria-current={active ? 'page' : undefined}>
                    <Icon name={icon} />
                    {name}
                  </Link>
                </NavItem>
              );
            })}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}
