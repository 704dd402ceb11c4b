import {
  Button,
  Divider,
  Dropdown,
  DropdownItem,
  DropdownList,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  MenuToggle,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { answer, api } from '../../api/client';
import { presetsQuery } from '../../api/queries';
import type { Preset, RunbookView } from '../../api/shapes';
import type { Fields } from '../../form/useFields';
import { openInputs, toGiven, toInputs } from '../../form/values';
import { Ago } from '../../show/Moments';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';

interface DialogProps {
  view: RunbookView;
  presets: Preset[];
  close: () => void;
}

function SaveDialog({ view, fields, presets, close }: DialogProps & { fields: Fields }) {
  const { project, runbook } = view;
  const client = useQueryClient();
  const [name, setName] = useState('');
  const open = openInputs(runbook.inputs).filter((input) => fields.shown.get(input.name) !== 'no');
  const save = useMutation({
    mutationFn: (preset: string) =>
      answer(
        api.PUT('/api/v1/projects/{project}/runbooks/{runbook}/presets/{preset}', {
          params: { path: { project, runbook: runbook.name, preset } },
          body: { inputs: toInputs(open, fields.values) },
        }),
      ),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: presetsQuery(project, runbook.name).queryKey });
      close();
    },
  });
  const trimmed = name.trim();
  const left = runbook.inputs.length > openInputs(runbook.inputs).length;
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby="preset-title">
      <ModalHeader title="Save these values" labelId="preset-title" />
      <ModalBody>
        <Form
          id="preset-form"
          onSubmit={(event) => {
            event.preventDefault();
            // A dialog is not a part of the form that it lies over, but events of React are.
            event.stopPropagation();
            if (trimmed !== '') {
              save.mutate(trimmed);
            }
          }}
        >
          {save.error !== null && <TroubleNote error={save.error} />}
          <FormGroup label="Name" fieldId="preset-name" isRequired>
            <TextInput
              id="preset-name"
              autoComplete="off"
              aria-describedby="preset-help"
              value={name}
              onChange={(_event, text) => setName(text)}
            />
            <FormHelperText>
              <HelperText id="preset-help">
                {presets.some((preset) => preset.name === trimmed) && (
                  <HelperTextItem variant="warning">A preset of this name is there: it is replaced.</HelperTextItem>
                )}
                <HelperTextItem>Lower-case letters, digits and “-”, as weekly-eu.</HelperTextItem>
                <HelperTextItem>
                  Everybody who may see this runbook can use it.{left && ' Secrets and files are not in it.'}
                </HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button
          type="submit"
          form="preset-form"
          isLoading={save.isPending}
          isDisabled={save.isPending || trimmed === ''}
        >
          Save
        </Button>
        <Button variant="link" onClick={close}>
          Leave it
        </Button>
      </ModalFooter>
    </Modal>
  );
}

function DeleteDialog({ view, presets, close }: DialogProps) {
  const { project, runbook } = view;
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: (preset: string) =>
      answer(
        api.DELETE('/api/v1/projects/{project}/runbooks/{runbook}/presets/{preset}', {
          params: { path: { project, runbook: runbook.name, preset } },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: presetsQuery(project, runbook.name).queryKey }),
  });
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby="presets-title">
      <ModalHeader title="Presets" labelId="presets-title" />
      <ModalBody>
        {remove.error !== null && <TroubleNote error={remove.error} />}
        {presets.length === 0 && <p>There are none any more.</p>}
        <ul className="sb-presets">
          {presets.map((preset) => (
            <li key={preset.name}>
              <span>
                <strong>
                  <VisibleText text={preset.name} />
                </strong>{' '}
                <span className="sb-faint">
                  saved <Ago at={preset.saved_at} /> by <VisibleText text={preset.saved_by} />
                </span>
              </span>
              <Button
                variant="secondary"
                isDanger
                size="sm"
                aria-label={`Delete the preset ${preset.name}`}
                isDisabled={remove.isPending}
                onClick={() => remove.mutate(preset.name)}
              >
                Delete
              </Button>
            </li>
          ))}
        </ul>
      </ModalBody>
      <ModalFooter>
        <Button onClick={close}>Done</Button>
      </ModalFooter>
    </Modal>
  );
}

/** Values that somebody kept under a name, to fill the form with. */
export function Presets({ view, fields }: { view: RunbookView; fields: Fields }) {
  const { project, runbook } = view;
  const { data: presets = [], error, isPending } = useQuery(presetsQuery(project, runbook.name));
  const [open, setOpen] = useState(false);
  const [dialog, setDialog] = useState<'save' | 'delete' | null>(null);
  const [used, use] = useState<string | null>(null);
  const pick = (preset: Preset): void => {
    const given = openInputs(runbook.inputs).map((input) => [input.name, toGiven(input, preset.inputs[input.name])]);
    fields.fill(Object.fromEntries(given));
    use(preset.name);
  };
  const close = (): void => setDialog(null);
  return (
    <>
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={{ appendTo: 'inline' }}
        isScrollable
        toggle={(toggle) => (
          <MenuToggle ref={toggle} size="sm" isExpanded={open} onClick={() => setOpen(!open)}>
            {used !== null && presets.some(({ name }) => name === used) ? `Preset: ${used}` : 'Presets'}
          </MenuToggle>
        )}
      >
        <DropdownList>
          {presets.length === 0 && (
            <DropdownItem key="none" isDisabled>
              {error !== null ? 'They could not be fetched' : isPending ? 'Fetching them…' : 'None saved yet'}
            </DropdownItem>
          )}
          {presets.map((preset) => (
            <DropdownItem key={preset.name} isSelected={preset.name === used} onClick={() => pick(preset)}>
              <VisibleText text={preset.name} />
            </DropdownItem>
          ))}
          <Divider key="line" component="li" />
          <DropdownItem key="save" onClick={() => setDialog('save')}>
            Save these values…
          </DropdownItem>
          {presets.length > 0 && (
            <DropdownItem key="delete" onClick={() => setDialog('delete')}>
              Delete a preset…
            </DropdownItem>
          )}
        </DropdownList>
      </Dropdown>
      {dialog === 'save' && <SaveDialog view={view} fields={fields} presets={presets} close={close} />}
      {dialog === 'delete' && <DeleteDialog view={view} presets={presets} close={close} />}
    </>
  );
}
