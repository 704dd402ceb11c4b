import type { ScheduleSummary } from '../api/shapes';
import { Countdown, Moment } from '../show/Moments';
import { zoneName } from '../show/time';
import { timingOf } from './when';
import { isKnownZone, timeIn } from './zone';

/** When it is due next: by the reader's clock, and by that of its zone where they differ. */
export function NextFiring({ schedule }: { schedule: ScheduleSummary }) {
  const { next_at: at, paused, when } = schedule;
  if (!at) {
    return <span className="sb-faint">{paused ? 'paused' : 'none any more'}</span>;
  }
  const { zone } = timingOf(when);
  const there = zone !== null && isKnownZone(zone) ? timeIn(zone, at) : null;
  const own = timeIn(zoneName(), at);
  return (
    <span className="sb-next">
      <Moment at={at} />
      <span className="sb-faint">
        <Countdown to={at} />
        {there !== null && there !== own && ` · ${there.slice(11, 16)} in ${zone}`}
      </span>
    </span>
  );
}
