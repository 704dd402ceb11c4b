import type { Wait } from '../../api/shapes';
import { Ago, Countdown } from '../../show/Moments';
import { VisibleText } from '../../show/VisibleText';

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
    case 'lost':
      return `a person who says how attempt ${wait.attempt} ended`;
  }
}

/** What becomes of it when its time is up. */
export function whatThen(wait: Wait): string {
  switch (wait.for) {
    case 'time':
    case 'retry':
      return 'goes on';
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
