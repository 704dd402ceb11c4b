import type { When } from '../api/shapes';
import { cronWords } from './cron';

export interface Timing {
  /** One for each expression, or one for an interval; `null` where the expression says it best. */
  words: (string | null)[];
  /** As written; none for an interval. */
  expressions: string[];
  /** None for an interval: it runs on absolute time. */
  zone: string | null;
}

/** What a list says of when something is due: `0 3 * * *; 0 9 L * * (Europe/Berlin)`, or `every 15m`. */
export function timingOf(when: string): Timing {
  const [, written, zone] = /^(.+) \(([^()]+)\)$/.exec(when) ?? [];
  if (written === undefined || zone === undefined) {
    return { words: [when], expressions: [], zone: null };
  }
  return ofCron(written.split('; '), zone);
}

/** What a definition says of it. */
export function timingIn(when: When, summary: string): Timing {
  return 'cron' in when ? ofCron(when.cron.expressions, when.cron.zone) : timingOf(summary);
}

function ofCron(expressions: string[], zone: string): Timing {
  return { words: expressions.map(cronWords), expressions, zone };
}
