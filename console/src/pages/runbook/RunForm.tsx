import {
  Button,
  Form,
  FormAlert,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { useNavigate } from 'react-router';

import { answer, api } from '../../api/client';
import { OnceKey } from '../../api/once';
import { ProblemError, faultsByPath } from '../../api/problem';
import { runQuery } from '../../api/queries';
import type { RunView, RunbookView } from '../../api/shapes';
import { Icon } from '../../show/Icon';
import { TroubleNote } from '../../show/Trouble';
import { InputField } from './InputField';
import { faultsOf, firstValues, toInputs } from './values';

interface RunFormProps {
  view: RunbookView;
  /** Begin with what this run was given. */
  again?: RunView;
}

interface Start {
  inputs: Record<string, boolean | string>;
  reason: string | null;
  via: string;
}

/** Asks for the inputs and starts the run, once. */
export function RunForm({ view, again }: RunFormProps) {
  const { runbook, project } = view;
  const navigate = useNavigate();
  const client = useQueryClient();
  const [values, setValues] = useState(() => firstValues(runbook.inputs, again?.inputs));
  const [reason, setReason] = useState(again?.reason ?? '');
  const [own, setOwn] = useState(new Map<string, string>());
  const form = useRef<HTMLFormElement>(null);
  const once = useRef(new OnceKey());
  const sending = useRef(false);

  const start = useMutation({
    mutationFn: (body: Start) =>
      answer(
        api.POST('/api/v1/projects/{project}/runbooks/{runbook}/runs', {
          params: {
            path: { project, runbook: runbook.name },
            header: { 'Idempotency-Key': once.current.for(body) },
          },
          body,
        }),
      ),
    onSuccess: (run) => {
      client.setQueryData(runQuery(project, run.id).queryKey, run);
      void client.invalidateQueries({ queryKey: ['runs', project] });
      void navigate(`/p/${encodeURIComponent(project)}/runs/${run.id}`);
    },
    onSettled: (_run, error) => {
      once.current.settled(error);
      sending.current = false;
    },
  });

  const refused = faultsByPath(start.error);
  const names = new Set(runbook.inputs.map(({ name }) => name));
  const elsewhere = [...refused].flatMap(([path, faults]) => (names.has(path) || path === 'reason' ? [] : faults));
  const faultAt = (path: string): string | null => {
    const faults = refused.get(path)?.map(({ message, hint }) => (hint ? `${message} ${hint}` : message));
    return own.get(path) ?? faults?.join(' ') ?? null;
  };
  const atFields = start.error instanceof ProblemError && refused.size > 0 && elsewhere.length === 0;

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (sending.current) {
      return;
    }
    const faults = faultsOf(runbook.inputs, values);
    setOwn(faults);
    const [first] = faults.keys();
    if (first !== undefined) {
      form.current?.querySelector<HTMLElement>(`[id^="input-${first}"]`)?.focus();
      return;
    }
    sending.current = true;
    start.mutate({
      inputs: toInputs(runbook.inputs, values),
      reason: reason.trim() === '' ? null : reason.trim(),
      via: 'console',
    });
  };

  return (
    <Form ref={form} onSubmit={submit} noValidate className="sb-run-form" aria-label="Run">
      {start.error !== null && !atFields && (
        <FormAlert>
          <TroubleNote error={start.error} />
          {elsewhere.map((fault) => (
            <p key={`${fault.path} ${fault.message}`}>
              <code>{fault.path}</code> {fault.message} {fault.hint}
            </p>
          ))}
        </FormAlert>
      )}
      {runbook.inputs.length === 0 && <p className="sb-faint">This runbook asks for nothing.</p>}
      {runbook.inputs.map((input) => (
        <InputField
          key={input.name}
          input={input}
          given={values[input.name] ?? null}
          fault={faultAt(input.name)}
          change={(given) => {
            setValues((old) => ({ ...old, [input.name]: given }));
            setOwn((old) => new Map([...old].filter(([name]) => name !== input.name)));
          }}
        />
      ))}
      <FormGroup label="Reason" fieldId="reason">
        <TextInput
          id="reason"
          aria-describedby="reason-help"
          autoComplete="off"
          validated={faultAt('reason') === null ? 'default' : 'error'}
          value={reason}
          onChange={(_event, text) => setReason(text)}
        />
        <FormHelperText>
          <HelperText id="reason-help">
            {faultAt('reason') !== null && <HelperTextItem variant="error">{faultAt('reason')}</HelperTextItem>}
            <HelperTextItem>Why, for whoever reads it later: a ticket, a sentence.</HelperTextItem>
          </HelperText>
        </FormHelperText>
      </FormGroup>
      <div className="sb-form-actions">
        <Button
          type="submit"
          variant={runbook.effect === 'irreversible' ? 'danger' : 'primary'}
          icon={<Icon name="play" />}
          isLoading={start.isPending}
          isDisabled={start.isPending}
        >
          Run
        </Button>
        {runbook.effect === 'irreversible' && <p className="sb-warn">What this does cannot be undone.</p>}
      </div>
    </Form>
  );
}
