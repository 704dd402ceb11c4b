import { Countdown } from '../show/Moments';
import { Prose } from '../show/Prose';
import { StateGlyph } from '../show/State';
import { duration } from '../show/time';
import { useNow } from '../show/useNow';
import type { VerifyView } from './shapes';

/** For how long they hold, of the time for which they must. */
function Held({ since, hold }: { since: string; hold: number }) {
  const now = useNow(1000);
  const held = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  return (
    <p>
      All hold for {duration(Math.min(held, hold) * 1000).replace('.0', '')} of{' '}
      {duration(hold * 1000).replace('.0', '')}.
    </p>
  );
}

/** What must hold after the last step: what does already, what does not, and how long it still may take. */
export function Verification({ verify }: { verify: VerifyView }) {
  const { until, hold_s: hold, held_since: held, signals } = verify;
  return (
    <section className="sb-card sb-verify" aria-label="Verification">
      <header className="sb-section-head">
        <h2>Does it hold?</h2>
        <span className="sb-faint">
          fails <Countdown to={until} />
        </span>
      </header>
      <ul>
        {signals.map(({ name, holds, says }) => (
          <li key={name} data-holds={holds}>
            <StateGlyph state={holds ? 'succeeded' : 'waiting'} />
            <span>
              <Prose text={name} /> <strong>{holds ? 'holds' : 'does not hold yet'}</strong>
              {says !== '' && (
                <span className="sb-faint">
                  {': '}
                  <Prose text={says} />
                </span>
              )}
            </span>
          </li>
        ))}
      </ul>
      {typeof hold === 'number' && held && <Held since={held} hold={hold} />}
      {typeof hold === 'number' && !held && (
        <p className="sb-faint">They must hold for {duration(hold * 1000).replace('.0', '')} without a break.</p>
      )}
    </section>
  );
}
