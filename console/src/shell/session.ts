import { createContext, useContext } from 'react';

import type { SessionView } from '../api/shapes';

export const SessionContext = createContext<SessionView | null>(null);

/** Who is signed in; pages inside the shell are drawn only if somebody is. */
export function useSession(): SessionView {
  const session = useContext(SessionContext);
  if (session === null) {
    throw new Error('There is no session here.');
  }
  return session;
}
