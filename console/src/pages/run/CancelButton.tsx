import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';

import { answer, api } from '../../api/client';
import { OnceKey } from '../../api/once';
import { runQuery, versionQuery } from '../../api/queries';
import type { RunView } from '../../api/shapes';
import { newerView } from '../../live/reduce';
import { Icon } from '../../show/Icon';
import { TroubleNote } from '../../show/Trouble';
import { hasInside, pathOf } from './tree';

/** What is performed now, by name. */
function Running({ run }: { run: RunView }) {
  const paths = run.steps.filter((step) => step.state === 'running' && !hasInside(step)).map((step) => pathOf(step));
  const waiting = run.steps.filter((step) => step.state === 'waiting' && !hasInside(step)).length;
  if (paths.length === 1) {
    return (
      <>
        Step <strong>{paths[0]}</strong> is running: its processes are ended where they are.
      </>
    );
  }
  if (paths.length > 1) {
    return `${paths.length} steps are running: their processes are ended where they are.`;
  }
  return waiting > 0 ? 'Nothing is running; what waits is given up.' : 'No step is running.';
}

/** Is a cleanup under way that a cancel would end: the run's own, or that of a runbook that it called? */
function isCleaningUp(run: RunView): boolean {
  if (run.phase === 'cleanup') {
    return (run.cleanup ?? []).length > 0;
  }
  const stopping = run.stopping === 'canceled' || run.state === 'canceling';
  return (
    stopping && run.steps.some((step) => step.state === 'running' && step.phase === 'cleanup' && !step.cleanup_stopping)
  );
}

/** Asks once more, then cancels: first the run, whose cleanup is performed all the same, then the cleanup itself. */
export function CancelButton({ run }: { run: RunView }) {
  const [open, setOpen] = useState(false);
  const client = useQueryClient();
  const once = useRef(new OnceKey());
  const key = runQuery(run.project, run.id).queryKey;
  const cleaning = isCleaningUp(run);
  const stopping = cleaning ? run.cleanup_stopping === true : run.stopping === 'canceled' || run.state === 'canceling';
  const cancel = useMutation({
    mutationFn: () =>
      answer(
        api.POST('/api/v1/projects/{project}/runs/{run}/cancel', {
          params: {
            path: { project: run.project, run: run.id },
            // Canceling the cleanup is something else than canceling the run.
            header: { 'Idempotency-Key': once.current.for([run.id, cleaning]) },
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
  // Its steps are in the run only once they begin; the version says whether there are any.
  const { data: version } = useQuery({ ...versionQuery(run.project, run.runbook, run.digest), enabled: open });
  const hasCleanup = (version?.runbook.cleanup ?? []).length > 0;
  const what = cleaning ? 'Cancel cleanup' : 'Cancel run';
  return (
    <>
      <Button
        variant="secondary"
        isDanger
        icon={<Icon name="stop" />}
        isDisabled={stopping}
        onClick={() => {
          cancel.reset();
          setOpen(true);
        }}
      >
        {what}
      </Button>
      <Modal
        variant="small"
        isOpen={open}
        onClose={() => setOpen(false)}
        aria-labelledby="cancel-title"
        aria-describedby="cancel-body"
      >
        <ModalHeader title={cleaning ? 'Cancel the cleanup too?' : 'Cancel this run?'} labelId="cancel-title" />
        <ModalBody id="cancel-body">
          {cancel.error !== null && <TroubleNote error={cancel.error} />}
          <p>
            <Running run={run} />{' '}
            {cleaning
              ? 'What the cleanup has not put back stays as it is: somebody has to look after it by hand.'
              : hasCleanup
                ? 'What has not begun will not begin, but the cleanup is still performed.'
                : 'What has not begun will not begin.'}
          </p>
        </ModalBody>
        <ModalFooter>
          <Button
            variant="danger"
            isLoading={cancel.isPending}
            isDisabled={cancel.isPending}
            onClick={() => cancel.mutate()}
          >
            {what}
          </Button>
          <Button variant="link" onClick={() => setOpen(false)}>
            Let it go on
          </Button>
        </ModalFooter>
      </Modal>
    </>
  );
}
