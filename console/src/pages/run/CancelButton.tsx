import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';

import { answer, api } from '../../api/client';
import { OnceKey } from '../../api/once';
import { runQuery } from '../../api/queries';
import type { RunView } from '../../api/shapes';
import { newerView } from '../../live/reduce';
import { Icon } from '../../show/Icon';
import { TroubleNote } from '../../show/Trouble';

/** Asks once more, then cancels. */
export function CancelButton({ run }: { run: RunView }) {
  const [open, setOpen] = useState(false);
  const client = useQueryClient();
  const once = useRef(new OnceKey());
  const key = runQuery(run.project, run.id).queryKey;
  const cancel = useMutation({
    mutationFn: () =>
      answer(
        api.POST('/api/v1/projects/{project}/runs/{run}/cancel', {
          params: {
            path: { project: run.project, run: run.id },
            header: { 'Idempotency-Key': once.current.for(run.id) },
          },
        }),
      ),
    onSuccess: (view) => {
      client.setQueryData<RunView>(key, (old) => newerView(old, view));
      setOpen(false);
    },
    onError: () => void client.invalidateQueries({ queryKey: key }),
    onSettled: (_view, error) => once.current.settled(error),
  });
  const running = run.steps.find((step) => step.state === 'running');
  return (
    <>
      <Button
        variant="secondary"
        isDanger
        icon={<Icon name="stop" />}
        isDisabled={run.state === 'canceling'}
        onClick={() => {
          cancel.reset();
          setOpen(true);
        }}
      >
        Cancel run
      </Button>
      <Modal
        variant="small"
        isOpen={open}
        onClose={() => setOpen(false)}
        aria-labelledby="cancel-title"
        aria-describedby="cancel-body"
      >
        <ModalHeader title="Cancel this run?" labelId="cancel-title" />
        <ModalBody id="cancel-body">
          {cancel.error !== null && <TroubleNote error={cancel.error} />}
          <p>
            {running ? (
              <>
                Step <strong>{running.name}</strong> is running: its processes are ended where they are.
              </>
            ) : (
              'No step is running.'
            )}{' '}
            What has not begun will not begin.
          </p>
        </ModalBody>
        <ModalFooter>
          <Button
            variant="danger"
            isLoading={cancel.isPending}
            isDisabled={cancel.isPending}
            onClick={() => cancel.mutate()}
          >
            Cancel run
          </Button>
          <Button variant="link" onClick={() => setOpen(false)}>
            Let it go on
          </Button>
        </ModalFooter>
      </Modal>
    </>
  );
}
