import {
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
  TextArea,
} from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';

import { answer, api } from '../api/client';
import type { ScheduleSummary, TimedKind } from '../api/shapes';
import { useSession } from '../shell/session';
import { Icon } from '../show/Icon';
import { TroubleNote } from '../show/Trouble';
import { VisibleText } from '../show/VisibleText';

const WHAT_STOPS: Record<TimedKind, string> = {
  schedule: 'None of its instants starts a run until it is resumed. They are recorded, and not made up for.',
  probe: 'It looks no more until it is resumed; what it watches becomes stale, which is not well.',
  collector: 'It looks no more until it is resumed; its facts become stale.',
};

function useSay(schedule: ScheduleSummary, done: () => void) {
  const client = useQueryClient();
  const { project, name, kind } = schedule;
  const params = { path: { project, schedule: name }, query: { kind } };
  return useMutation({
    mutationFn: (say: { pause: boolean; reason: string | null }) =>
      answer(
        say.pause
          ? api.POST('/api/v1/projects/{project}/schedules/{schedule}/pause', { params, body: { reason: say.reason } })
          : api.POST('/api/v1/projects/{project}/schedules/{schedule}/resume', { params }),
      ),
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: ['schedules', project] }),
        client.invalidateQueries({ queryKey: ['schedule', project, name] }),
      ]);
      done();
    },
  });
}

/** Lets it pause, with a reason, or go on; to whom the right is missing it says who has it. */
export function PauseButton({ schedule, small = false }: { schedule: ScheduleSummary; small?: boolean }) {
  const { role } = useSession();
  const [open, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const say = useSay(schedule, () => setOpen(false));
  const paused = Boolean(schedule.paused);
  const id = `pause-${schedule.kind}-${schedule.name}`;
  const what = paused ? 'Resume' : 'Pause';
  if (role !== 'admin') {
    return <span className="sb-faint">Only an administrator may {paused ? 'resume' : 'pause'} it.</span>;
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!say.isPending) {
      say.mutate({ pause: !paused, reason: reason.trim() === '' ? null : reason.trim() });
    }
  };
  return (
    <>
      <Button
        variant={paused && !small ? 'primary' : 'secondary'}
        size={small ? 'sm' : 'default'}
        icon={<Icon name={paused ? 'play' : 'pause'} />}
        aria-label={small ? `${what} ${schedule.kind} ${schedule.name}` : undefined}
        onClick={() => {
          say.reset();
          setReason('');
          setOpen(true);
        }}
      >
        {what}
      </Button>
      {open && (
        <Modal variant="small" isOpen onClose={() => setOpen(false)} aria-labelledby={`${id}-title`}>
          <ModalHeader title={`${what} this ${schedule.kind}?`} labelId={`${id}-title`} />
          <ModalBody>
            <Form id={id} onSubmit={submit}>
              {say.error !== null && <TroubleNote error={say.error} />}
              <p>
                <strong>
                  <VisibleText text={schedule.title ?? schedule.name} />
                </strong>
                :{' '}
                {paused
                  ? 'it goes on from now. What was due while it paused is recorded as skipped, and not made up for.'
                  : WHAT_STOPS[schedule.kind]}
              </p>
              {!paused && (
                <FormGroup label="Reason" fieldId={`${id}-reason`}>
                  <TextArea
                    id={`${id}-reason`}
                    aria-describedby={`${id}-help`}
                    resizeOrientation="vertical"
                    rows={2}
                    value={reason}
                    onChange={(_event, text) => setReason(text)}
                  />
                  <FormHelperText>
                    <HelperText id={`${id}-help`}>
                      <HelperTextItem>
                        Whoever wonders why it does not run reads this: a ticket, a sentence.
                      </HelperTextItem>
                    </HelperText>
                  </FormHelperText>
                </FormGroup>
              )}
            </Form>
          </ModalBody>
          <ModalFooter>
            <Button type="submit" form={id} isLoading={say.isPending} isDisabled={say.isPending}>
              {what}
            </Button>
            <Button variant="link" onClick={() => setOpen(false)}>
              {paused ? 'Let it pause' : 'Let it go on'}
            </Button>
          </ModalFooter>
        </Modal>
      )}
    </>
  );
}
