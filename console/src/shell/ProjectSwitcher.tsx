import { MenuToggle, Select, SelectList, SelectOption } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useNavigate } from 'react-router';

import { projectsQuery } from '../api/queries';

/** Chooses the project; the kind of page stays, what it was about does not. */
export function ProjectSwitcher({ project }: { project: string | null }) {
  const [open, setOpen] = useState(false);
  const { data: projects } = useQuery(projectsQuery);
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const names = projects?.map(({ name }) => name) ?? [];
  if (project === null && names.length === 0) {
    return null;
  }
  const choose = (name: string): void => {
    setOpen(false);
    const page = /^\/p\/[^/]+\/(runs|services)(\/|$)/.exec(pathname)?.[1] ?? 'runbooks';
    void navigate(`/p/${encodeURIComponent(name)}/${page}`);
  };
  return (
    <Select
      isOpen={open}
      selected={project}
      onOpenChange={setOpen}
      popperProps={{ appendTo: 'inline' }}
      onSelect={(_event, name) => choose(String(name))}
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          isExpanded={open}
          variant="plainText"
          onClick={() => setOpen(!open)}
          className="sb-project"
        >
          <span className="sb-project-word">Project</span> <strong>{project ?? 'choose'}</strong>
        </MenuToggle>
      )}
      shouldFocusToggleOnSelect
      isScrollable
    >
      <SelectList aria-label="Projects">
        {names.map((name) => (
          <SelectOption key={name} value={name}>
            {name}
          </SelectOption>
        ))}
      </SelectList>
    </Select>
  );
}
