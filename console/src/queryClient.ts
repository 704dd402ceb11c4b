import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';

import { NoAnswerError, statusOf } from './api/problem';
import { sessionQuery } from './api/queries';
import { onRecovery } from './live/connection';

/** Signed out elsewhere, revoked or expired: the sign-in page takes over. */
function noticeSignOut(error: unknown): void {
  if (statusOf(error) === 401) {
    queryClient.setQueryData(sessionQuery.queryKey, null);
  }
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: noticeSignOut }),
  mutationCache: new MutationCache({ onError: noticeSignOut }),
  defaultOptions: {
    queries: {
      networkMode: 'always',
      staleTime: 5000,
      // Refusals are final; what got no answer is asked again when the server is back.
      retry: (count, error) => count < 2 && (statusOf(error) === 503 || error instanceof NoAnswerError),
      retryDelay: 500,
    },
    mutations: { networkMode: 'always', retry: false },
  },
});

onRecovery(() => void queryClient.invalidateQueries());
