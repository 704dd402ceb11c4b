import { Dropdown, DropdownGroup, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { answer, api } from '../api/client';
import { sessionQuery } from '../api/queries';
import { Icon } from '../show/Icon';
import { useSession } from './session';

export function UserMenu() {
  const session = useSession();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const signOut = useMutation({
    mutationFn: () => answer(api.DELETE('/api/v1/session')),
    onSuccess: () => {
      client.setQueryData(sessionQuery.queryKey, null);
      // Nothing of it may meet the eyes of whoever signs in next.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionQuery.queryKey[0] });
    },
  });
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      popperProps={{ position: 'right' }}
      shouldFocusToggleOnSelect
      toggle={(ref) => (
        <MenuToggle
          ref={ref}
          isExpanded={open}
          variant="plainText"
          icon={<Icon name="person" />}
          aria-label={`Signed in as ${session.name}, ${session.role}`}
          onClick={() => setOpen(!open)}
        >
          <span className="sb-user-name">{session.name}</span>
        </MenuToggle>
      )}
    >
      <DropdownGroup label={`${session.name} · ${session.role}`}>
        <DropdownList>
          <DropdownItem key="sign-out" isDisabled={signOut.isPending} onClick={() => signOut.mutate()}>
            Sign out
          </DropdownItem>
        </DropdownList>
      </DropdownGroup>
      <p className="sb-version">Signalbox {session.version}</p>
    </Dropdown>
  );
}
