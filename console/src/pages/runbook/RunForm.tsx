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
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';

import { answer, api } from '../../api/client';
import { OnceKey } from '../../api/once';
import { ProblemError } from '../../api/problem';
import { runQuery } from '../../api/queries';
import type { Fault, RunView, RunbookView, StartRequest } from '../../api/shapes';
import { FieldList } from '../../form/Fields';
import { fromLink } from '../../form/link';
import { FormPlaceContext } from '../../form/place';
import { useFields } from '../../form/useFields';
import { firstValues } from '../../form/values';
import { useSession } from '../../shell/session';
import { Icon } from '../../show/Icon';
import { Prose } from '../../show/Prose';
import { TroubleNote } from '../../show/Trouble';
import { FormTools } from './FormTools';
import { PlanPanel } from './PlanPanel';
import { usePlan } from './usePlan';

interface RunFormProps {
  view: RunbookView;
  /** Begin with what this run was given. */
  again?: RunView;
  /** Told where a run with these values would act, whenever that is known. */
  planned: (environments: string[]) => void;
}

/** Faults that belong to no field, as those of rules. */
function Elsewhere({ faults }: { faults: Fault[] }) {
  return faults.map((fault) => (
    <p key={`${fault.path} ${fault.message}`}>
      {fault.path !== '' && <code>{fault.path}</code>} <Prose text={fault.message} />{' '}
      {fault.hint && <Prose text={fault.hint} />}
    </p>
  ));
}

function ReasonField({ value, change, faults }: { value: string; change: (text: string) => void; faults: Fault[] }) {
  return (
    <FormGroup label="Reason" fieldId="reason">
      <TextInput
        id="reason"
        aria-describedby="reason-help"
        autoComplete="off"
        validated={faults.length === 0 ? 'default' : 'error'}
        value={value}
        onChange={(_event, text) => change(text)}
      />
      <FormHelperText>
        <HelperText id="reason-help">
          {faults.map(({ message }) => (
            <HelperTextItem key={message} variant="error">
              <Prose text={message} />
            </HelperTextItem>
          ))}
          <HelperTextItem>Why, for whoever reads it later: a ticket, a sentence.</HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  );
}

/** Asks for the inputs, shows what would run, and starts the run, once. */
export function RunForm({ view, again, planned }: RunFormProps) {
  const { runbook, project } = view;
  const { inputs } = runbook;
  const navigate = useNavigate();
  const client = useQueryClient();
  const session = useSession();
  const [query] = useSearchParams();
  const [fields, box] = useFields(
    inputs,
    () => ({ ...firstValues(inputs, again?.inputs), ...fromLink(inputs, query) }),
    session.name,
  );
  const [reason, setReason] = useState(query.get('reason') ?? again?.reason ?? '');
  const [elsewhere, setElsewhere] = useState<Fault[]>([]);
  const once = useRef(new OnceKey());
  const sending = useRef(false);
  const plan = usePlan(view, fields);
  const environments = plan.plan?.environments;
  useEffect(() => {
    if (environments !== undefined) {
      planned(environments);
    }
  }, [environments, planned]);

  const start = useMutation({
    mutationFn: (body: StartRequest) =>
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
    onError: (error) => setElsewhere(fields.refused(error)),
    onSettled: (_run, error) => {
      once.current.settled(error);
      sending.current = false;
    },
  });

  const atReason = elsewhere.filter(({ path }) => path === 'reason');
  const rest = elsewhere.filter(({ path }) => path !== 'reason');
  const { error } = start;
  const faulty = error instanceof ProblemError && (error.problem.faults ?? []).length > 0;

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (sending.current) {
      return;
    }
    const faults = fields.wrong();
    fields.insist(faults);
    if (faults.size > 0) {
      return;
    }
    sending.current = true;
    setElsewhere([]);
    start.mutate({ inputs: fields.sent(), reason: reason.trim() === '' ? null : reason.trim(), via: 'console' });
  };

  // The first fault that the server finds is where one goes on, unless one is already somewhere else in the form.
  const marked = useRef<unknown>(null);
  useEffect(() => {
    if (error !== null && marked.current !== error) {
      marked.current = error;
      fields.goToFault();
    }
  });

  return (
    <FormPlaceContext value={{ project, runbook: runbook.name, prefix: 'input' }}>
      <Form onSubmit={submit} onBlur={plan.left} noValidate className="sb-run-form" aria-label="Run">
        <div ref={box} className="sb-inputs">
          <FormTools view={view} fields={fields} reason={reason} />
          {error !== null && (!faulty || rest.length > 0) && (
            <FormAlert>
              <TroubleNote error={error} />
              <Elsewhere faults={rest} />
            </FormAlert>
          )}
          {inputs.length === 0 && <p className="sb-faint">This runbook asks for nothing.</p>}
          <FieldList inputs={inputs} fields={fields} />
          <ReasonField value={reason} change={setReason} faults={atReason} />
        </div>
        <div className="sb-form-actions">
          <Button
            type="submit"
            variant={(plan.plan?.effect ?? runbook.effect) === 'irreversible' ? 'danger' : 'primary'}
            icon={<Icon name="play" />}
            isLoading={start.isPending}
            isDisabled={start.isPending}
          >
            Run
          </Button>
          {(plan.plan?.effect ?? runbook.effect) === 'irreversible' && (
            <p className="sb-warn">What this does cannot be undone.</p>
          )}
        </div>
      </Form>
      <PlanPanel view={view} state={plan} />
    </FormPlaceContext>
  );
}
