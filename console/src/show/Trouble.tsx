import { Alert, Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from '@patternfly/react-core';

import { NoAnswerError, ProblemError } from '../api/problem';
import { CopyButton } from './CopyButton';
import { Prose } from './Prose';

interface Told {
  title: string;
  detail: string;
  hint?: string | null;
  requestId?: string | null;
  policy?: string | null;
}

function tell(error: unknown): Told {
  if (error instanceof ProblemError) {
    const { title, detail, hint, request_id: requestId, policy } = error.problem;
    return { title, detail, hint, requestId, policy };
  }
  if (error instanceof NoAnswerError) {
    return {
      title: 'No answer',
      detail: error.message,
      hint: 'It may be restarting, or the network is away. This page goes on by itself when it is back.',
    };
  }
  return {
    title: 'Something went wrong in this page',
    detail: error instanceof Error ? error.message : String(error),
    hint: 'Reload the page.',
  };
}

function RequestId({ id }: { id: string }) {
  return (
    <p className="sb-request">
      Request <code>{id}</code>
      <CopyButton text={id} label="Copy the request id" />
    </p>
  );
}

function Body({ told }: { told: Told }) {
  return (
    <>
      <p>
        <Prose text={told.detail} />
      </p>
      {told.hint && (
        <p>
          <Prose text={told.hint} />
        </p>
      )}
      {told.policy && (
        <p>
          Policy <code>{told.policy}</code>
        </p>
      )}
      {told.requestId && <RequestId id={told.requestId} />}
    </>
  );
}

/** In place of a page or a part of it that could not be had. */
export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const told = tell(error);
  return (
    <EmptyState headingLevel="h1" titleText={told.title} variant="lg" className="sb-trouble">
      <EmptyStateBody>
        <Body told={told} />
      </EmptyStateBody>
      {retry && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="secondary" onClick={retry}>
              Try again
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

/** Beside what it is about: a form, a list that is still shown. */
export function TroubleNote({ error }: { error: unknown }) {
  const told = tell(error);
  return (
    <Alert isInline variant="danger" title={told.title} className="sb-trouble-note">
      <Body told={told} />
    </Alert>
  );
}
