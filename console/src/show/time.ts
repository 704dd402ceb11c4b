const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** How long something took: `0.4 s`, `12 s`, `2 min 05 s`, `1 h 02 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < 9950) {
    return `${(whole / SECOND).toFixed(1)} s`;
  }
  const seconds = Math.round(whole / SECOND);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  }
  if (whole < DAY) {
    return `${Math.floor(whole / HOUR)} h ${two(Math.floor((whole % HOUR) / MINUTE))} min`;
  }
  return `${Math.floor(whole / DAY)} d ${Math.floor((whole % DAY) / HOUR)} h`;
}

/** How long ago, roughly: `just now`, `3 min ago`, `5 h ago`, `12 d ago`. */
export function ago(ms: number): string {
  if (ms < 10 * SECOND) {
    return 'just now';
  }
  if (ms < MINUTE) {
    return `${Math.floor(ms / SECOND)} s ago`;
  }
  if (ms < HOUR) {
    return `${Math.floor(ms / MINUTE)} min ago`;
  }
  if (ms < 2 * DAY) {
    return `${Math.floor(ms / HOUR)} h ago`;
  }
  return `${Math.floor(ms / DAY)} d ago`;
}

/** A time in the reader's zone, as it sorts: `2026-11-23 06:16:05`. */
export function localTime(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) {
    return at;
  }
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clockTime(at)}`;
}

/** The time of day in the reader's zone: `06:16:05`. */
export function clockTime(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime())
    ? at
    : `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Seconds of a limit: `90 s`, `5 min`, `2 h`. */
export function limit(seconds: number): string {
  if (seconds % 3600 === 0) {
    return `${seconds / 3600} h`;
  }
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** Bytes: `312 B`, `4.2 KiB`, `1.0 MiB`. */
export function bytes(count: number): string {
  if (count < 1024) {
    return `${count} B`;
  }
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** How long until something, which may be over: `4 min 05 s`, `now`. */
export function until(ms: number): string {
  return ms <= 0 ? 'now' : duration(Math.ceil(ms / SECOND) * SECOND).replace('.0', '');
}

/** The value of a field for date and time, in the reader's zone: `2026-11-26T10:00:00`. */
export function localInput(at: string): string {
  return at === '' || Number.isNaN(Date.parse(at)) ? '' : localTime(at).replace(' ', 'T');
}

/** How far the reader's clock is from UTC then: `UTC+01:00`. */
export function offsetOf(at: Date): string {
  const minutes = Number.isNaN(at.getTime()) ? 0 : -at.getTimezoneOffset();
  const whole = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(whole / 60))}:${two(whole % 60)}`;
}

/** The reader's time zone: `Europe/Berlin`. */
export function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
