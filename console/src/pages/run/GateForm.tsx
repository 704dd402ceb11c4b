import { Alert, Button, Form, FormGroup, TextArea } from '@patternfly/react-core';
import { useState } from 'react';

import { answer, api } from '../../api/client';
import type { DecisionRequest, RunView, StepRun, Wait } from '../../api/shapes';
import { useSession } from '../../shell/session';
import { Icon } from '../../show/Icon';
import { Markdown } from '../../show/Markdown';
import { TroubleNote } from '../../show/Trouble';
import { pathOf } from './tree';
import { useStepAct } from './useStepAct';

interface GateFormProps {
  run: RunView;
  step: StepRun;
  wait: Extract<Wait, { for: 'approval' }>;
  late: (error: unknown) => void;
}

/** A gate: somebody else than whoever asked for the run says yes or no. */
export function GateForm({ run, step, wait, late }: GateFormProps) {
  const session = useSession();
  const path = pathOf(step);
  const [comment, setComment] = useState('');
  const act = useStepAct<DecisionRequest>(
    run,
    (body, key) =>
      answer(
        api.POST('/api/v1/projects/{project}/runs/{run}/steps/{step}/decision', {
          params: { path: { project: run.project, run: run.id, step: path }, header: { 'Idempotency-Key': key } },
          body,
        }),
      ),
    late,
  );
  const own = run.requested_by.id === session.principal;
  const say = (approve: boolean): void =>
    act.mutate({ approve, comment: comment.trim() === '' ? null : comment.trim() });
  const id = `gate-${path.replaceAll(/\W/g, '_')}`;
  return (
    <>
      <Markdown text={wait.message} />
      {own ? (
        <Alert isInline variant="info" component="p" title="You asked for this run, so somebody else decides.">
          <p>Send them this page’s address. If it is no longer wanted, cancel the run.</p>
        </Alert>
      ) : (
        <Form
          className="sb-act-form"
          aria-label={`Gate ${path}`}
          onSubmit={(event) => {
            event.preventDefault();
          }}
        >
          {act.error !== null && <TroubleNote error={act.error} />}
          <FormGroup label="Comment" fieldId={`${id}-comment`}>
            <TextArea
              id={`${id}-comment`}
              resizeOrientation="vertical"
              rows={2}
              value={comment}
              onChange={(_event, text) => setComment(text)}
            />
          </FormGroup>
          <div className="sb-form-actions">
            <Button
              icon={<Icon name="check" />}
              isLoading={act.isPending}
              isDisabled={act.isPending}
              onClick={() => say(true)}
            >
              Approve
            </Button>
            <Button variant="secondary" isDanger isDisabled={act.isPending} onClick={() => say(false)}>
              Decline
            </Button>
          </div>
        </Form>
      )}
    </>
  );
}
