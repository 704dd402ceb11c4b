import { Fragment } from 'react';

import type { Wait } from '../../api/shapes';
import { Ago, Countdown } from '../../show/Moments';
import { VisibleText } from '../../show/VisibleText';

/** What of it does not hold yet; if all does, that it must go on to. */
function Signals({ signals }: { signals: Extract<Wait, { for: 'verify' }>['signals'] }) {
  const open = signals.filter(({ holds }) => !holds);
  if (open.length === 0) {
    return 'what must hold to hold for long enough';
  }
  return open.map((signal, at) => (
    <Fragment key={signal.signal === 'probe' ? signal.probe : `${signal.service} ${signal.environment} ${signal.key}`}>
      {at > 0 && ', '}
      {signal.signal}{' '}
      <code>
        <VisibleText text={signal.signal === 'probe' ? signal.probe : signal.key} />
      </code>
    </Fragment>
  ));
}

function What({ wait }: { wait: Wait }) {
  switch (wait.for) {
    case 'runner':
      return 'a free place on a runner';
    case 'person':
      return 'a person who does what it says';
    case 'approval':
      return 'somebody’s yes';
    case 'time':
      return 'its time';
    case 'retry':
      return (
        <>
          the next attempt: <VisibleText text={wait.message} />
        </>
      );
    case 'lock':
      return (
        <>
          lock{' '}
          <code>
            <VisibleText text={wait.key} />
          </code>
          {wait.limit > 1 && `, which ${wait.limit} may have at once`}
        </>
      );
    case 'verify':
      return <Signals signals={wait.signals} />;
    case 'snapshot':
      return (
        <>
          {wait.collectors.length === 1 ? 'collector' : 'collectors'}{' '}
          <code>
            <VisibleText text={wait.collectors.join(', ')} />
          </code>
        </>
      );
    case 'policy':
      return (
        <>
          {wait.policy ? (
            <>
              policy{' '}
              <code>
                <VisibleText text={wait.policy} />
              </code>
            </>
          ) : (
            'a policy that permits it'
          )}
          : <VisibleText text={wait.reason} />
        </>
      );
    case 'lost':
      return `a person who says how attempt ${wait.attempt} ended`;
  }
}

/** What becomes of it when its time is up. */
export function whatThen(wait: Wait): string {
  switch (wait.for) {
    case 'time':
    case 'retry':
    case 'snapshot':
      return 'goes on';
    case 'verify':
      return wait.held_since ? 'goes on' : 'fails';
    case 'lost':
      return 'unknown';
    default:
      return 'given up';
  }
}

/** What something waits for, since when, and how long still. */
export function WaitsFor({ wait }: { wait: Wait }) {
  return (
    <>
      waits for <What wait={wait} />, since <Ago at={wait.since} />
      {wait.until && (
        <>
          , {whatThen(wait)} <Countdown to={wait.until} />
        </>
      )}
    </>
  );
}
