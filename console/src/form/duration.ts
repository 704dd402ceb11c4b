const UNITS: readonly [string, number][] = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
];
const WRITTEN = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** Seconds of `90s`, `5m`, `1h30m`; `null` if it is no duration. Each number has its unit, the longest comes first. */
export function parseDuration(text: string): number | null {
  const parts = text === '' ? null : WRITTEN.exec(text);
  if (parts === null) {
    return null;
  }
  const seconds = UNITS.reduce((sum, [, length], at) => sum + Number(parts[at + 1] ?? 0) * length, 0);
  return Number.isSafeInteger(seconds) ? seconds : null;
}

/** As it is written: `1h30m`. */
export function writeDuration(seconds: number): string {
  let rest = Math.max(0, Math.trunc(seconds));
  const written = UNITS.map(([unit, length]) => {
    const count = Math.floor(rest / length);
    rest %= length;
    return count > 0 ? `${count}${unit}` : '';
  }).join('');
  return written === '' ? '0s' : written;
}
