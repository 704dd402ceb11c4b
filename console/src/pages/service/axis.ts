/** A stretch of time, in milliseconds. */
export interface Stretch {
  from: number;
  to: number;
}

/** Where a moment lies on an axis of so many pixels. */
export function placeOf(at: number, { from, to }: Stretch, width: number): number {
  const share = to > from ? (at - from) / (to - from) : 0;
  return Math.min(1, Math.max(0, share)) * width;
}

export interface Tick {
  at: number;
  label: string;
}

const HOUR = 60;
const DAY = 24 * HOUR;

/** Minutes between two ticks; each divides a day, or is whole days. */
const STEPS = [1, 2, 5, 10, 15, 30, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function labelOf(at: Date): string {
  return at.getHours() === 0 && at.getMinutes() === 0
    ? `${two(at.getMonth() + 1)}-${two(at.getDate())}`
    : `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** At most so many ticks, at round times of the reader's clock: a day when it changes from winter to summer has them too. */
export function ticks({ from, to }: Stretch, most: number): Tick[] {
  const minutes = (to - from) / 60_000;
  const step = STEPS.find((each) => minutes / each <= Math.max(1, most)) ?? 30 * DAY;
  const first = new Date(from);
  const [year, month, day] = [first.getFullYear(), first.getMonth(), first.getDate()];
  const found: Tick[] = [];
  // From the midnight before, by the wall clock.
  for (let past = 0; ; past += step) {
    const at = new Date(year, month, day, 0, past);
    if (at.getTime() > to) {
      return found;
    }
    if (at.getTime() >= from && at.getTime() !== found.at(-1)?.at) {
      found.push({ at: at.getTime(), label: labelOf(at) });
    }
  }
}

/** Marks of one lane that lie too close to be told apart. */
export interface Cluster<T> {
  /** Oldest first. */
  items: T[];
  x: number;
}

/** Puts marks together that are less than so many pixels from the first of them. */
export function cluster<T>(
  items: T[],
  momentOf: (item: T) => number,
  on: Stretch,
  width: number,
  gap: number,
): Cluster<T>[] {
  const found: (Cluster<T> & { first: number })[] = [];
  for (const item of items.toSorted((a, b) => momentOf(a) - momentOf(b))) {
    const x = placeOf(momentOf(item), on, width);
    const last = found.at(-1);
    if (last !== undefined && x - last.first < gap) {
      last.items.push(item);
      last.x = (last.first + x) / 2;
    } else {
      found.push({ items: [item], x, first: x });
    }
  }
  return found.map(({ items: together, x }) => ({ items: together, x }));
}
