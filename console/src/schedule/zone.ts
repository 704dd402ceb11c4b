const PARTS = {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
} as const;

/** Does this browser know the zone? The server has zones of its own. */
export function isKnownZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone }).format();
    return true;
  } catch {
    return false;
  }
}

/** A time in a zone, as it sorts: `2026-11-23 06:16:05`. */
export function timeIn(zone: string, at: string): string {
  const format = new Intl.DateTimeFormat('en', { ...PARTS, timeZone: zone, hourCycle: 'h23' });
  const parts = Object.fromEntries(format.formatToParts(new Date(at)).map(({ type, value }) => [type, value]));
  return `${parts['year']}-${parts['month']}-${parts['day']} ${parts['hour']}:${parts['minute']}:${parts['second']}`;
}

/** How far a zone is from UTC then: `UTC+01:00`. */
export function offsetIn(zone: string, at: string): string {
  const format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  const name = format.formatToParts(new Date(at)).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  return name === 'GMT' ? 'UTC+00:00' : name.replace('GMT', 'UTC').replace('-', '−');
}

export interface Due {
  at: string;
  /** The zone's offset is another than at the instant before: clocks were changed in between. */
  shift: { from: string; to: string } | null;
}

/** Instants in their order, and where the clocks of a zone change between two of them. `since` is what they follow. */
export function withShifts(instants: readonly string[], zone: string, since: string): Due[] {
  let before = offsetIn(zone, since);
  return instants.map((at) => {
    const offset = offsetIn(zone, at);
    const shift = offset === before ? null : { from: before, to: offset };
    before = offset;
    return { at, shift };
  });
}
