import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { answer, api } from '../../api/client';
import { tokensQuery } from '../../api/queries';
import type { TokenView } from '../../api/shapes';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';

export function RevokeToken({ token, close }: { token: TokenView; close: () => void }) {
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => answer(api.DELETE('/api/v1/tokens/{token}', { params: { path: { token: token.id } } })),
    onSuccess: async () => {
      close();
      await client.invalidateQueries({ queryKey: tokensQuery.queryKey });
    },
  });
  return (
    <Modal variant="small" isOpen onClose={close} aria-labelledby="revoke-title" aria-describedby="revoke-body">
      <ModalHeader title="Revoke this token?" labelId="revoke-title" />
      <ModalBody id="revoke-body">
        {revoke.error !== null && <TroubleNote error={revoke.error} />}
        <p>
          Whoever uses the token of{' '}
          <strong>
            <VisibleText text={token.name} />
          </strong>{' '}
          is signed out at once. Runs that go on are not touched.
        </p>
      </ModalBody>
      <ModalFooter>
        <Button
          variant="danger"
          isLoading={revoke.isPending}
          isDisabled={revoke.isPending}
          onClick={() => revoke.mutate()}
        >
          Revoke
        </Button>
        <Button variant="link" onClick={close}>
          Keep it
        </Button>
      </ModalFooter>
    </Modal>
  );
}
