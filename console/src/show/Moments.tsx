import { ago, clockTime, duration, localTime, until } from './time';
import { useNow } from './useNow';

/** How long ago; the exact time on hover. */
export function Ago({ at }: { at: string }) {
  const now = useNow(5000);
  return (
    <time className="sb-time" dateTime={at} title={`${localTime(at)} · ${at}`}>
      {ago(Math.max(0, now - Date.parse(at)))}
    </time>
  );
}

/** An exact time in the reader's zone. */
export function Moment({ at }: { at: string }) {
  return (
    <time className="sb-time" dateTime={at} title={at}>
      {localTime(at)}
    </time>
  );
}

/** The time of day in the reader's zone, where the day is told beside it. */
export function ClockTime({ at }: { at: string }) {
  return (
    <time className="sb-time" dateTime={at} title={`${localTime(at)} · ${at}`}>
      {clockTime(at)}
    </time>
  );
}

/** How long it still takes; the exact time on hover. */
export function Countdown({ to }: { to: string }) {
  const now = useNow(1000);
  const left = Date.parse(to) - now;
  return (
    <time className="sb-time" dateTime={to} title={`${localTime(to)} · ${to}`}>
      {left > 0 ? `in ${until(left)}` : 'now'}
    </time>
  );
}

/** From a beginning to an end, or to now while there is none. */
export function Took({ from, to }: { from?: string | null; to?: string | null }) {
  const live = from !== undefined && from !== null && (to === undefined || to === null);
  const now = useNow(1000, live);
  if (from === undefined || from === null) {
    return <span className="sb-faint">–</span>;
  }
  const ms = (live ? now : Date.parse(to ?? '')) - Date.parse(from);
  return (
    <span className="sb-time">
      {live ? duration(Math.max(0, Math.floor(ms / 1000)) * 1000).replace('.0', '') : duration(ms)}
    </span>
  );
}
