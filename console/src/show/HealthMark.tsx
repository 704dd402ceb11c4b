import type { Health } from '../api/shapes';
import './health.css';
import { HealthGlyph } from './Health';
import { healthWord } from './healthWords';
import './state.css';
import { ago, localTime } from './time';
import { useNow } from './useNow';

/** For how long it has been so; the exact time on hover. */
function Since({ at }: { at: string }) {
  const now = useNow(5000);
  const age = ago(Math.max(0, now - Date.parse(at)));
  return (
    <time className="sb-time sb-health-since" dateTime={at} title={`since ${localTime(at)} · ${at}`}>
      {age.endsWith(' ago') ? `for ${age.slice(0, -4)}` : age}
    </time>
  );
}

/** A health as symbol and word, and since when. */
export function HealthMark({ health, since }: { health: Health; since?: string | null }) {
  return (
    <span className="sb-state sb-health" data-health={health}>
      <HealthGlyph health={health} />
      {healthWord(health)}
      {since && <Since at={since} />}
    </span>
  );
}
