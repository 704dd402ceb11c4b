import type { Health } from '../api/shapes';

/** Worst first. */
export const HEALTHS: readonly Health[] = ['bad', 'data_error', 'stale', 'unknown', 'degraded', 'ok'];

export function healthWord(health: Health): string {
  return health.replace('_', ' ');
}

/** The larger the worse. */
export function badness(health: Health): number {
  return HEALTHS.length - HEALTHS.indexOf(health);
}

/** Is something known to be wrong, or not to be known any more? What nobody ever watched is not ill. */
export function isIll(health: Health): boolean {
  return health !== 'ok' && health !== 'unknown';
}
