import {
  Button,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useNavigate } from 'react-router';

import { answer, api } from '../../api/client';
import { OnceKey } from '../../api/once';
import { runQuery } from '../../api/queries';
import type { Input, RetryRequest, RunView } from '../../api/shapes';
import { FieldList } from '../../form/Fields';
import { FormPlaceContext } from '../../form/place';
import { useFields } from '../../form/useFields';
import { useSession } from '../../shell/session';
import { Icon } from '../../show/Icon';
import { Prose } from '../../show/Prose';
import { TroubleNote } from '../../show/Trouble';
import { isSealed } from './InputValues';

/** The outermost steps that a new run can go on from: all but the first, which is the whole. */
function from(run: RunView): { name: string; state: string }[] {
  const outer = (run.children ?? []).flatMap((place) => run.steps[place] ?? []);
  return outer.slice(1).map(({ name, state }) => ({ name, state }));
}

/** The first that did not succeed, if that is not the very first. */
function firstToGoOnFrom(run: RunView): string {
  return from(run).find(({ state }) => state !== 'succeeded' && state !== 'skipped')?.name ?? '';
}

function RetryDialog({ run, close }: { run: RunView; close: () => void }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const session = useSession();
  const once = useRef(new OnceKey());
  const steps = from(run);
  const first = (run.children ?? [])[0];
  const firstSucceeded = first !== undefined && run.steps[first]?.state === 'succeeded';
  const [step, setStep] = useState(firstSucceeded ? firstToGoOnFrom(run) : '');
  const [reason, setReason] = useState(run.reason ?? '');
  const [secrets] = useState<Input[]>(() =>
    Object.entries(run.inputs)
      .filter(([, value]) => isSealed(value))
      .map(([name]) => ({ name, type: 'secret', required: true })),
  );
  const [fields, box] = useFields(secrets, () => ({}), session.name);
  const retry = useMutation({
    mutationFn: (body: RetryRequest) =>
      answer(
        api.POST('/api/v1/projects/{project}/runs/{run}/retry', {
          params: {
            path: { project: run.project, run: run.id },
            header: { 'Idempotency-Key': once.current.for(body) },
          },
          body,
        }),
      ),
    onSuccess: (next) => {
      client.setQueryData(runQuery(next.project, next.id).queryKey, next);
      void client.invalidateQueries({ queryKey: ['runs', next.project] });
      close();
      void navigate(`/p/${encodeURIComponent(next.project)}/runs/${next.id}`);
    },
    onError: (error) => void fields.refused(error),
    onSettled: (_run, error) => once.current.settled(error),
  });
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby="retry-title">
      <ModalHeader
        title="Try it again"
        labelId="retry-title"
        description="A new run with the same version and the same inputs. This one stays as it is."
      />
      <ModalBody>
        <FormPlaceContext value={{ project: run.project, runbook: null, prefix: 'retry' }}>
          <Form
            id="retry-form"
            noValidate
            onBlur={fields.left}
            onSubmit={(event) => {
              event.preventDefault();
              const faults = fields.wrong();
              fields.insist(faults);
              if (faults.size === 0) {
                retry.mutate({
                  from: step === '' ? null : step,
                  inputs: fields.sent(),
                  reason: reason.trim() === '' ? null : reason.trim(),
                  via: 'console',
                });
              }
            }}
          >
            {retry.error !== null && <TroubleNote error={retry.error} />}
            <FormGroup label="From" fieldId="retry-from">
              <FormSelect
                id="retry-from"
                aria-describedby="retry-from-help"
                value={step}
                onChange={(_event, name) => setStep(name)}
              >
                <FormSelectOption value="" label="The beginning" />
                {steps.map(({ name, state }) => (
                  <FormSelectOption key={name} value={name} label={`${name} (${state})`} />
                ))}
              </FormSelect>
              <FormHelperText>
                <HelperText id="retry-from-help">
                  <HelperTextItem>
                    {step === '' ? (
                      'Every step is performed again.'
                    ) : (
                      <Prose text={`The steps before \`${step}\` are skipped, and their outputs are taken over.`} />
                    )}
                  </HelperTextItem>
                </HelperText>
              </FormHelperText>
            </FormGroup>
            {secrets.length > 0 && (
              <div ref={box} className="sb-inputs">
                <p>Secrets are not kept after a run has ended: type them in again.</p>
                <FieldList inputs={secrets} fields={fields} />
              </div>
            )}
            <FormGroup label="Reason" fieldId="retry-reason">
              <TextInput
                id="retry-reason"
                autoComplete="off"
                value={reason}
                onChange={(_event, text) => setReason(text)}
              />
            </FormGroup>
          </Form>
        </FormPlaceContext>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="retry-form" isLoading={retry.isPending} isDisabled={retry.isPending}>
          Run
        </Button>
        <Button variant="link" onClick={close}>
          Leave it
        </Button>
      </ModalFooter>
    </Modal>
  );
}

/** A new run that tries an ended one again, from the beginning or from one of its outermost steps. */
export function RetryButton({ run }: { run: RunView }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        variant={run.state === 'succeeded' ? 'secondary' : 'primary'}
        icon={<Icon name="again" />}
        onClick={() => setOpen(true)}
      >
        Retry
      </Button>
      {open && <RetryDialog run={run} close={() => setOpen(false)} />}
    </>
  );
}
