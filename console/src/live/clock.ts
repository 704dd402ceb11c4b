/** How far the server's clock is ahead of this machine's, so that durations of what is running now are right. */
let aheadMs = 0;

/** Learn it from an answer's `Date`, which counts whole seconds: smaller differences mean nothing. */
export function learnClock(date: string | null, now: number): void {
  const server = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(server)) {
    return;
  }
  const ahead = server + 500 - now;
  aheadMs = Math.abs(ahead) < 2000 ? 0 : ahead;
}

export function serverNow(): number {
  return Date.now() + aheadMs;
}
