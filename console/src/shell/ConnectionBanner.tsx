import { useEffect, useState, useSyncExternalStore } from 'react';

import { isServerLost, onConnectionChange } from '../live/connection';

/** A short break is nothing to speak of. */
const PATIENCE_MS = 1000;

/** Says quietly that the server is away: what is on screen may be old. */
export function ConnectionBanner() {
  const lost = useSyncExternalStore(onConnectionChange, isServerLost);
  const [said, setSaid] = useState(false);
  useEffect(() => {
    if (!lost) {
      return undefined;
    }
    const timer = setTimeout(() => setSaid(true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      setSaid(false);
    };
  }, [lost]);
  return (
    <div role="status" className="sb-connection" data-lost={said}>
      {said && (
        <p>
          <strong>Connection lost.</strong> Trying again; until then, what you see may be old.
        </p>
      )}
    </div>
  );
}
