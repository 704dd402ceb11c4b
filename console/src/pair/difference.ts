import type { Health } from '../api/shapes';
import { serverNow } from '../live/clock';
import type { Changed, HealthDifference, PairView, Place, Snapshot } from './shapes';

/** From the best to the worst. */
const WORSE: readonly Health[] = ['ok', 'degraded', 'unknown', 'stale', 'data_error', 'bad'];

export function worst(healths: readonly Health[]): Health {
  return (
    healths.reduce<Health | null>(
      (most, health) => (most === null || WORSE.indexOf(health) > WORSE.indexOf(most) ? health : most),
      null,
    ) ?? 'unknown'
  );
}

export function isThere(place: Place, other: Place): boolean {
  return place.service === other.service && place.environment === other.environment;
}

function healthIn(snapshot: Snapshot | null | undefined, place: Place): Health | null {
  return snapshot?.services.find((service) => isThere(place, service))?.health ?? null;
}

/** The health of a place before, and after or now; also if it is the same. */
export function healthBeforeAfter(
  { before, after, changed }: PairView,
  place: Place,
): Omit<HealthDifference, keyof Place> | null {
  const was = healthIn(before, place);
  if (was === null) {
    return null;
  }
  const turned = changed?.health.find((each) => isThere(place, each));
  return { before: was, after: healthIn(after, place) ?? turned?.after ?? was };
}

/** Facts of a place that are not as they were. */
export function factsChanged(changed: Changed | null | undefined, place: Place): Changed['facts'] {
  return changed?.facts.filter((fact) => isThere(place, fact)) ?? [];
}

/** Facts of before that still are as they were, and how many of them nobody has looked at for too long. */
export function factsKept(pair: PairView, place: Place): { kept: number; stale: number } {
  const different = new Set(factsChanged(pair.changed, place).map(({ target, key }) => `${target ?? ''} ${key}`));
  const last = (pair.after ?? pair.before)?.services.find((service) => isThere(place, service))?.facts ?? [];
  const kept = last.filter(({ target, key, state }) => state !== 'gone' && !different.has(`${target ?? ''} ${key}`));
  return { kept: kept.length, stale: kept.filter(({ state }) => state === 'stale').length };
}

/** Collectors look once more when a run has ended; for so long they may take. */
const LOOKING_MS = 5 * 60_000;

/** Has it ended, and how things stand after it is not written down yet? */
export function isStillLooking({ before, after }: PairView, finished: string | null): boolean {
  return Boolean(before) && !after && finished !== null && serverNow() - Date.parse(finished) < LOOKING_MS;
}

/** The difference in a few words: `ok → bad, 2 facts changed`; nothing while there is none. */
export function differenceWords({ changed }: PairView): string {
  if (!changed) {
    return '';
  }
  const turns = changed.health.map(({ before, after }) => `${before} → ${after}`.replaceAll('_', ' '));
  const facts = changed.facts.length;
  const parts = [...turns, facts === 0 ? '' : `${facts} ${facts === 1 ? 'fact' : 'facts'} changed`];
  return parts.filter((part) => part !== '').join(', ');
}
