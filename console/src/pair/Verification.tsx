import { Ago, Countdown } from '../show/Moments';
import { Prose } from '../show/Prose';
import { StateGlyph } from '../show/State';
import { limit } from '../show/time';
import { VisibleText } from '../show/VisibleText';
import type { SignalView, VerifyView } from './shapes';

function Signal({ signal: { name, holds, says, held_since: since }, over }: { signal: SignalView; over: boolean }) {
  return (
    <li data-holds={holds}>
      <StateGlyph state={holds ? 'succeeded' : over ? 'failed' : 'waiting'} />
      <span>
        <strong>
          <VisibleText text={name} />
        </strong>{' '}
        {holds ? 'holds' : over ? 'did not hold' : 'does not hold yet'}
        {holds && since && !over && (
          <>
            {' '}
            since <Ago at={since} />
          </>
        )}
        <span className="sb-faint">
          {' '}
          <Prose text={says} />
        </span>
      </span>
    </li>
  );
}

/** What must hold after the last step: what does already, what does not, and how long it still may take. */
export function Verification({ verify, over }: { verify: VerifyView; over: boolean }) {
  const { since, until, within_s: within, hold_s: hold, signals } = verify;
  if (!since) {
    return null;
  }
  return (
    <section className="sb-card sb-verify" data-over={over || undefined} aria-label="Verification">
      <header className="sb-section-head">
        <h2>Verification</h2>
        <span className="sb-faint">
          {!over && until ? (
            <>
              fails <Countdown to={until} />
            </>
          ) : (
            `within ${limit(within)}`
          )}
          {typeof hold === 'number' && `, must hold for ${limit(hold)}`}
        </span>
      </header>
      <ul>
        {signals.map((signal) => (
          <Signal key={signal.name} signal={signal} over={over} />
        ))}
      </ul>
    </section>
  );
}
