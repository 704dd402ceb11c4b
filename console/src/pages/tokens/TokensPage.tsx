import { Button, PageSection } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { tokensQuery } from '../../api/queries';
import type { TokenView } from '../../api/shapes';
import { Loading } from '../../show/Loading';
import { Moment } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { Trouble } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { CreateToken } from './CreateToken';
import { RevokeToken } from './RevokeToken';

function TokenRow({ token, revoke }: { token: TokenView; revoke: () => void }) {
  return (
    <Tr className={token.revoked_at ? 'sb-gone' : undefined}>
      <Td dataLabel="Name">
        <VisibleText text={token.name} />
      </Td>
      <Td dataLabel="Role">{token.role}</Td>
      <Td dataLabel="Made">
        <Moment at={token.created_at} />
      </Td>
      <Td dataLabel="Revoked">
        {token.revoked_at ? <Moment at={token.revoked_at} /> : <span className="sb-faint">–</span>}
      </Td>
      <Td dataLabel="" isActionCell>
        {!token.revoked_at && (
          <Button variant="link" isDanger isInline aria-label={`Revoke the token of ${token.name}`} onClick={revoke}>
            Revoke
          </Button>
        )}
      </Td>
    </Tr>
  );
}

export default function TokensPage() {
  usePageTitle('Tokens');
  const { data: tokens, error, refetch } = useQuery(tokensQuery);
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<TokenView | null>(null);
  if (tokens === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  return (
    <>
      <PageHead title="Tokens" actions={<Button onClick={() => setCreating(true)}>New token</Button>} />
      <PageSection isFilled className="sb-body">
        <Table aria-label="Tokens" variant="compact" gridBreakPoint="" className="sb-table">
          <Thead>
            <Tr>
              <Th width={30}>Name</Th>
              <Th>Role</Th>
              <Th>Made</Th>
              <Th>Revoked</Th>
              <Th screenReaderText="Actions" />
            </Tr>
          </Thead>
          <Tbody>
            {tokens.map((token) => (
              <TokenRow key={token.id} token={token} revoke={() => setRevoking(token)} />
            ))}
          </Tbody>
        </Table>
      </PageSection>
      {creating && <CreateToken close={() => setCreating(false)} />}
      {revoking !== null && <RevokeToken token={revoking} close={() => setRevoking(null)} />}
    </>
  );
}
