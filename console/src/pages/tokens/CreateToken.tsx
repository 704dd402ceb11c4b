import {
  Alert,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Radio,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';

import { answer, api } from '../../api/client';
import { faultsByPath } from '../../api/problem';
import { tokensQuery } from '../../api/queries';
import type { Role } from '../../api/shapes';
import { Command } from '../../show/Command';
import { TroubleNote } from '../../show/Trouble';

const ROLES: [Role, string, string][] = [
  ['member', 'Member', 'May see everything and run runbooks.'],
  ['monitor', 'Monitor', 'May read metrics, for a monitoring system.'],
  ['admin', 'Administrator', 'May do everything, making tokens included.'],
];

/** Makes a principal and its token, and shows the secret this once. */
export function CreateToken({ close }: { close: () => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('member');
  const create = useMutation({
    mutationFn: (body: { name: string; role: Role }) => answer(api.POST('/api/v1/tokens', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: tokensQuery.queryKey }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!create.isPending && name.trim() !== '') {
      create.mutate({ name: name.trim(), role });
    }
  };
  const fault = faultsByPath(create.error).get('name')?.[0];
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby="create-title">
      <ModalHeader title={create.data ? `Token of ${create.data.token.name}` : 'New token'} labelId="create-title" />
      {create.data ? (
        <>
          <ModalBody>
            <Alert isInline variant="warning" title="Copy it now: it is not shown again." />
            <Command text={create.data.secret} />
          </ModalBody>
          <ModalFooter>
            <Button onClick={close}>Done</Button>
          </ModalFooter>
        </>
      ) : (
        <>
          <ModalBody>
            <Form id="create-token" onSubmit={submit}>
              {create.error !== null && fault === undefined && <TroubleNote error={create.error} />}
              <FormGroup label="Name" fieldId="token-name" isRequired>
                <TextInput
                  id="token-name"
                  value={name}
                  onChange={(_event, text) => setName(text)}
                  aria-describedby="token-name-help"
                  validated={fault === undefined ? 'default' : 'error'}
                  autoComplete="off"
                  spellCheck={false}
                  isRequired
                />
                <FormHelperText>
                  <HelperText id="token-name-help">
                    {fault !== undefined && (
                      <HelperTextItem variant="error">
                        {fault.message} {fault.hint}
                      </HelperTextItem>
                    )}
                    <HelperTextItem>Who uses it: a person or a machine, as “anna” or “ci”.</HelperTextItem>
                  </HelperText>
                </FormHelperText>
              </FormGroup>
              <FormGroup role="radiogroup" label="Role" fieldId="token-role">
                {ROLES.map(([value, label, description]) => (
                  <Radio
                    key={value}
                    id={`token-role-${value}`}
                    name="token-role"
                    label={label}
                    description={description}
                    isChecked={role === value}
                    onChange={() => setRole(value)}
                  />
                ))}
              </FormGroup>
            </Form>
          </ModalBody>
          <ModalFooter>
            <Button
              type="submit"
              form="create-token"
              isLoading={create.isPending}
              isDisabled={create.isPending || name.trim() === ''}
            >
              Create
            </Button>
            <Button variant="link" onClick={close}>
              Cancel
            </Button>
          </ModalFooter>
        </>
      )}
    </Modal>
  );
}
