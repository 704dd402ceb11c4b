import { Title } from '@patternfly/react-core';

import type { ScheduleView } from '../../api/shapes';
import { isKnownZone, timeIn, withShifts } from '../../schedule/zone';
import { Countdown, Moment } from '../../show/Moments';
import { zoneName } from '../../show/time';
import { useNow } from '../../show/useNow';

/** The next instants by the reader's clock and by that of the schedule's zone, and where clocks change between them. */
export function NextFirings({ view }: { view: ScheduleView }) {
  const { next, paused, schedule, waiting } = view;
  const now = useNow(60_000);
  const named = 'cron' in schedule.when ? schedule.when.cron.zone : zoneName();
  const zone = isKnownZone(named) ? named : 'UTC';
  const dues = withShifts(next, zone, new Date(now).toISOString());
  const elsewhere = next.some((at) => timeIn(zone, at) !== timeIn(zoneName(), at));
  return (
    <section className="sb-schedule-part sb-schedule-next" aria-label="Next firings">
      <Title headingLevel="h2" size="md">
        Next firings
      </Title>
      {paused && <p className="sb-warn">It pauses: none of these starts a run until it is resumed.</p>}
      {waiting && (
        <p className="sb-warn">
          That of <Moment at={waiting} /> waits: it starts when the run before it has ended.
        </p>
      )}
      {next.length === 0 ? (
        <p className="sb-faint">None any more: it has no further instant.</p>
      ) : (
        <ol className="sb-nexts" data-paused={paused ? true : undefined}>
          {dues.map(({ at, shift }) => (
            <li key={at}>
              <Moment at={at} />
              <span className="sb-faint">{elsewhere ? `${timeIn(zone, at).slice(5, 16)} ${zone}` : ''}</span>
              <span className="sb-faint sb-nexts-in">
                <Countdown to={at} />
              </span>
              {shift !== null && (
                <span className="sb-shift">
                  clocks change before it: {shift.from} → {shift.to}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
      {named !== zone && (
        <p className="sb-faint">This browser does not know the zone {named}; offsets are those of UTC.</p>
      )}
    </section>
  );
}
