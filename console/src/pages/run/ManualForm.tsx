import { Button, Form, FormAlert, FormGroup, TextArea } from '@patternfly/react-core';
import { useState } from 'react';

import { answer, api } from '../../api/client';
import { ProblemError } from '../../api/problem';
import type { Fault, RunView, StepRun, UploadedFile, Wait } from '../../api/shapes';
import type { AnswerRequest } from '../../api/shapes';
import { FieldList } from '../../form/Fields';
import { FileField } from '../../form/FileField';
import { FormPlaceContext } from '../../form/place';
import { useFields } from '../../form/useFields';
import { firstValues } from '../../form/values';
import { useSession } from '../../shell/session';
import { Icon } from '../../show/Icon';
import { Markdown } from '../../show/Markdown';
import { Prose } from '../../show/Prose';
import { TroubleNote } from '../../show/Trouble';
import { pathOf } from './tree';
import { useStepAct } from './useStepAct';

interface ManualFormProps {
  run: RunView;
  step: StepRun;
  wait: Extract<Wait, { for: 'person' }>;
  late: (error: unknown) => void;
}

/** A step that a person does: what to do, what to write down, and how it went. */
export function ManualForm({ run, step, wait, late }: ManualFormProps) {
  const session = useSession();
  const path = pathOf(step);
  const [fields, box] = useFields(wait.fields, () => firstValues(wait.fields), session.name);
  const [evidence, setEvidence] = useState<UploadedFile | null>(null);
  const [comment, setComment] = useState('');
  const [lacks, setLacks] = useState<string | null>(null);
  const [elsewhere, setElsewhere] = useState<Fault[]>([]);
  const act = useStepAct<AnswerRequest>(
    run,
    (body, key) =>
      answer(
        api.POST('/api/v1/projects/{project}/runs/{run}/steps/{step}/answer', {
          params: { path: { project: run.project, run: run.id, step: path }, header: { 'Idempotency-Key': key } },
          body,
        }),
      ),
    late,
  );

  const say = (done: boolean): void => {
    const faults = done ? fields.wrong() : new Map<string, string>();
    fields.insist(faults);
    const missing = done && wait.evidence === 'required' && evidence === null;
    setLacks(
      missing
        ? 'A file that shows it is needed.'
        : !done && comment.trim() === ''
          ? 'Say in a sentence what went wrong.'
          : null,
    );
    if (faults.size > 0 || missing || (!done && comment.trim() === '')) {
      return;
    }
    act.mutate(
      { done, fields: fields.sent(), comment: comment.trim() === '' ? null : comment.trim(), evidence },
      { onError: (error) => setElsewhere(fields.refused(error)) },
    );
  };
  const faulty = act.error instanceof ProblemError && (act.error.problem.faults ?? []).length > 0;
  const id = `step-${path.replaceAll(/\W/g, '_')}`;
  return (
    <FormPlaceContext value={{ project: run.project, runbook: null, prefix: id }}>
      <Markdown text={wait.instructions} />
      <Form
        className="sb-act-form"
        aria-label={`Step ${path}`}
        noValidate
        onBlur={fields.left}
        onSubmit={(event) => {
          event.preventDefault();
          say(true);
        }}
      >
        {act.error !== null && (!faulty || elsewhere.length > 0) && (
          <FormAlert>
            <TroubleNote error={act.error} />
            {elsewhere.map((fault) => (
              <p key={`${fault.path} ${fault.message}`}>
                <Prose text={fault.message} />
              </p>
            ))}
          </FormAlert>
        )}
        <div ref={box} className="sb-inputs">
          <FieldList inputs={wait.fields} fields={fields} />
        </div>
        {wait.evidence !== 'none' && (
          <FormGroup label="Evidence" isRequired={wait.evidence === 'required'} fieldId={`${id}-evidence`}>
            <FileField
              id={`${id}-evidence`}
              name="Evidence"
              file={evidence}
              invalid={lacks !== null && wait.evidence === 'required' && evidence === null}
              change={setEvidence}
            />
          </FormGroup>
        )}
        <FormGroup label="Comment" fieldId={`${id}-comment`}>
          <TextArea
            id={`${id}-comment`}
            resizeOrientation="vertical"
            rows={2}
            value={comment}
            onChange={(_event, text) => setComment(text)}
          />
        </FormGroup>
        {lacks !== null && (
          <p className="sb-lacks" role="alert">
            {lacks}
          </p>
        )}
        <div className="sb-form-actions">
          <Button type="submit" icon={<Icon name="check" />} isLoading={act.isPending} isDisabled={act.isPending}>
            Done
          </Button>
          <Button variant="secondary" isDanger isDisabled={act.isPending} onClick={() => say(false)}>
            It failed
          </Button>
        </div>
      </Form>
    </FormPlaceContext>
  );
}
