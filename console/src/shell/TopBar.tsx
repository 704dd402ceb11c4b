import {
  Button,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  PageToggleButton,
} from '@patternfly/react-core';
import type { ComponentProps } from 'react';
import { Link } from 'react-router';

import { Icon } from '../show/Icon';
import { ProjectSwitcher } from './ProjectSwitcher';
import { toggleTheme, useTheme } from './theme';
import { UserMenu } from './UserMenu';

function HomeLink(props: ComponentProps<'a'>) {
  return <Link {...props} to="/" aria-label="Signalbox, home" />;
}

interface TopBarProps {
  project: string | null;
  open: boolean;
  toggle: () => void;
}

export function TopBar({ project, open, toggle }: TopBarProps) {
  const other = useTheme() === 'dark' ? 'light' : 'dark';
  return (
    <Masthead display={{ default: 'inline' }}>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton
            variant="plain"
            aria-label={open ? 'Hide navigation' : 'Show navigation'}
            aria-expanded={open}
            aria-controls="navigation"
            isSidebarOpen={open}
            onSidebarToggle={toggle}
          >
            <Icon name="menu" />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={HomeLink}>
            <img src="/favicon.svg" alt="" width="28" height="28" />
            <span className="sb-brand">Signalbox</span>
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <div className="sb-topbar">
          <ProjectSwitcher project={project} />
          <div className="sb-topbar-end">
            <Button
              variant="plain"
              aria-label={`Switch to ${other}`}
              title={`Switch to ${other}`}
              icon={<Icon name={other === 'dark' ? 'moon' : 'sun'} />}
              onClick={toggleTheme}
            />
            <UserMenu />
          </div>
        </div>
      </MastheadContent>
    </Masthead>
  );
}
