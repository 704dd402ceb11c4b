import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { answer, api } from '../../api/client';
import { diffQuery, runbookQuery, versionsQuery } from '../../api/queries';
import type { VersionSummary } from '../../api/shapes';
import { Moment } from '../../show/Moments';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';

interface RollbackProps {
  project: string;
  runbook: string;
  version: VersionSummary;
  close: () => void;
}

/** Asks once more, says what would change, then publishes the earlier version again. */
export function Rollback({ project, runbook, version, close }: RollbackProps) {
  const client = useQueryClient();
  const { data: view } = useQuery(runbookQuery(project, runbook));
  const { data: diff } = useQuery({
    ...diffQuery(project, runbook, view?.digest ?? '', version.digest),
    enabled: view !== undefined,
  });
  const roll = useMutation({
    mutationFn: () =>
      answer(
        api.POST('/api/v1/projects/{project}/runbooks/{runbook}/rollback', {
          params: {
            path: { project, runbook },
          },
          body: { digest: version.digest },
        }),
      ),
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: runbookQuery(project, runbook).queryKey }),
        client.invalidateQueries({ queryKey: versionsQuery(project, runbook).queryKey }),
      ]);
      void client.invalidateQueries({ queryKey: ['runbooks', project] });
      close();
    },
  });
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby="rollback-title" aria-describedby="rollback-body">
      <ModalHeader title={`Roll back to ${version.digest.slice(0, 12)}?`} labelId="rollback-title" />
      <ModalBody id="rollback-body">
        {roll.error !== null && <TroubleNote error={roll.error} />}
        <p>
          The version of <Moment at={version.published_at} /> by <VisibleText text={version.published_by} /> becomes the
          current one again. Runs that are under way keep the version that they began with.
        </p>
        {diff !== undefined && (
          <ul className="sb-rollback-files">
            {diff.files.map((file) => (
              <li key={file.path}>
                <code>
                  <VisibleText text={file.path} />
                </code>{' '}
                <span className="sb-faint">
                  {file.added
                    ? 'comes back'
                    : file.removed
                      ? 'goes away'
                      : file.binary
                        ? 'changes'
                        : `+${file.lines_added} −${file.lines_removed} lines`}
                </span>
              </li>
            ))}
          </ul>
        )}
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" isLoading={roll.isPending} isDisabled={roll.isPending} onClick={() => roll.mutate()}>
          Roll back
        </Button>
        <Button variant="link" onClick={close}>
          Keep the current one
        </Button>
      </ModalFooter>
    </Modal>
  );
}
