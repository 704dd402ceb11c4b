import {
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  Radio,
  TextArea,
} from '@patternfly/react-core';
import { useState } from 'react';

import { answer, api } from '../../api/client';
import type { Resolution, ResolveRequest, RunView, StepRun, Wait } from '../../api/shapes';
import { Countdown, Moment } from '../../show/Moments';
import { Prose } from '../../show/Prose';
import { TroubleNote } from '../../show/Trouble';
import { pathOf } from './tree';
import { useStepAct } from './useStepAct';

interface LostFormProps {
  run: RunView;
  step: StepRun;
  wait: Extract<Wait, { for: 'lost' }>;
  late: (error: unknown) => void;
}

const CHOICES: [Resolution, string, string][] = [
  ['succeeded', 'It succeeded', 'The run goes on after this step.'],
  ['failed', 'It failed', 'The run goes on as after any failure.'],
  ['retry', 'Try it again', 'Another attempt is made now. Only if doing it twice does no harm.'],
];

/** An attempt whose end nobody can learn: what is known of it, and how a person says that it ended. */
export function LostForm({ run, step, wait, late }: LostFormProps) {
  const path = pathOf(step);
  const [verdict, setVerdict] = useState<Resolution | null>(null);
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState(false);
  const act = useStepAct<ResolveRequest>(
    run,
    (body, key) =>
      answer(
        api.POST('/api/v1/projects/{project}/runs/{run}/steps/{step}/resolve', {
          params: { path: { project: run.project, run: run.id, step: path }, header: { 'Idempotency-Key': key } },
          body,
        }),
      ),
    late,
  );
  const id = `lost-${path.replaceAll(/\W/g, '_')}`;
  const lacksReason = asked && reason.trim() === '';
  return (
    <>
      <p>
        <Prose text={wait.message} />
      </p>
      <p className="sb-faint">
        Attempt {wait.attempt}
        {step.started_at && (
          <>
            {' '}
            began at <Moment at={step.started_at} />
          </>
        )}
        . What it wrote is in the log below. Look at what it acts on before you answer.
        {wait.until && (
          <>
            {' '}
            Without an answer it is unknown <Countdown to={wait.until} />.
          </>
        )}
      </p>
      <Form
        className="sb-act-form"
        aria-label={`How ${path} ended`}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(true);
          if (verdict !== null && reason.trim() !== '') {
            act.mutate({ as: verdict, reason: reason.trim() });
          }
        }}
      >
        {act.error !== null && <TroubleNote error={act.error} />}
        <FormGroup role="radiogroup" label="How did it end?" isRequired fieldId={id}>
          {CHOICES.map(([value, label, meaning]) => (
            <Radio
              key={value}
              id={`${id}-${value}`}
              name={id}
              label={label}
              description={meaning}
              isChecked={verdict === value}
              onChange={() => setVerdict(value)}
            />
          ))}
          {asked && verdict === null && (
            <FormHelperText>
              <HelperText>
                <HelperTextItem variant="error">Choose one.</HelperTextItem>
              </HelperText>
            </FormHelperText>
          )}
        </FormGroup>
        <FormGroup label="How do you know?" isRequired fieldId={`${id}-reason`}>
          <TextArea
            id={`${id}-reason`}
            aria-describedby={`${id}-help`}
            resizeOrientation="vertical"
            rows={2}
            validated={lacksReason ? 'error' : 'default'}
            value={reason}
            onChange={(_event, text) => setReason(text)}
          />
          <FormHelperText>
            <HelperText id={`${id}-help`}>
              {lacksReason && <HelperTextItem variant="error">A reason is needed.</HelperTextItem>}
              <HelperTextItem>It is kept with the run.</HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
        <div className="sb-form-actions">
          <Button type="submit" isLoading={act.isPending} isDisabled={act.isPending}>
            Say so
          </Button>
        </div>
      </Form>
    </>
  );
}
