import {
  Alert,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  TextInput,
} from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Navigate, useSearchParams } from 'react-router';

import { answer, api } from '../../api/client';
import { sessionQuery } from '../../api/queries';
import { ConnectionBanner } from '../../shell/ConnectionBanner';
import { TroubleNote } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import './sign-in.css';

export default function SignInPage() {
  usePageTitle('Sign in');
  const [query] = useSearchParams();
  const client = useQueryClient();
  const { data: session } = useQuery(sessionQuery);
  const [token, setToken] = useState('');
  const signIn = useMutation({
    mutationFn: (secret: string) => answer(api.POST('/api/v1/session', { body: { token: secret } })),
    onSuccess: (signedIn) => client.setQueryData(sessionQuery.queryKey, signedIn),
  });

  if (session) {
    const to = query.get('to') ?? '/';
    return <Navigate to={/^\/(?!\/)/.test(to) ? to : '/'} replace />;
  }
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (token.trim() !== '' && !signIn.isPending) {
      signIn.mutate(token.trim());
    }
  };
  return (
    <>
      <ConnectionBanner />
      <main className="sb-sign-in">
        <div className="sb-sign-in-box">
          <header>
            <img src="/favicon.svg" alt="" width="40" height="40" />
            <h1>Signalbox</h1>
          </header>
          <Form onSubmit={submit}>
            {signIn.error !== null && <TroubleNote error={signIn.error} />}
            <FormGroup label="Token" fieldId="token">
              <TextInput
                id="token"
                type="password"
                value={token}
                onChange={(_event, value) => setToken(value)}
                autoComplete="current-password"
                autoCapitalize="off"
                spellCheck={false}
                aria-describedby="token-help"
                validated={signIn.error === null ? 'default' : 'error'}
              />
              <FormHelperText>
                <HelperText id="token-help">
                  <HelperTextItem>You stay signed in here for 12 hours.</HelperTextItem>
                </HelperText>
              </FormHelperText>
            </FormGroup>
            <Button
              type="submit"
              isBlock
              isLoading={signIn.isPending}
              isDisabled={signIn.isPending || token.trim() === ''}
            >
              Sign in
            </Button>
          </Form>
          <Alert isInline isPlain variant="info" component="h2" title="Where do I get a token?">
            <p>
              The administrator’s was written to <code>admin.token</code> in the server’s data directory at its first
              start.
            </p>
            <p>
              Further ones come from <code>signalbox tokens create NAME --role member</code>.
            </p>
          </Alert>
        </div>
      </main>
    </>
  );
}
