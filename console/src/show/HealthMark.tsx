import type { ReactNode } from 'react';

import type { Health } from '../api/shapes';
import './health.css';
import './state.css';
import { ago, localTime } from './time';
import { useNow } from './useNow';

/** Each has its own shape, so that nobody needs to tell colours apart, and only `ok` is green. */
const SHAPES: Record<Health, ReactNode> = {
  ok: (
    <>
      <circle cx="8" cy="8" r="7" className="fill" />
      <path d="m4.8 8.3 2.2 2.2 4.3-4.6" className="mark" />
    </>
  ),
  degraded: (
    <>
      <path d="M8 1 15.5 14.5H.5z" className="fill" />
      <path d="M8 6v4M8 12.2v.1" className="mark" />
    </>
  ),
  unknown: (
    <>
      <path d="M8 .4 15.6 8 8 15.6.4 8z" className="fill" />
      <path d="M6.2 6.5a1.8 1.8 0 1 1 2.5 1.7c-.5.2-.7.5-.7 1" className="mark" />
      <circle cx="8" cy="11.2" r=".9" className="dot" />
    </>
  ),
  stale: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" strokeDasharray="2.6 2.3" />
      <path d="M8 4.5V8l2.4 1.8" className="line" />
    </>
  ),
  data_error: (
    <>
      <path d="M1.5 1.5h13v13h-13z" className="fill" />
      <path d="M8 4.5v4.5M8 11.5v.1" className="mark" />
    </>
  ),
  bad: (
    <>
      <path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" className="fill" />
      <path d="m5.5 5.5 5 5m0-5-5 5" className="mark" />
    </>
  ),
};

export function healthWord(health: Health): string {
  return health.replace('_', ' ');
}

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
      <svg className={`sb-glyph sb-health-${health}`} viewBox="0 0 16 16" aria-hidden="true">
        {SHAPES[health]}
      </svg>
      {healthWord(health)}
      {since && <Since at={since} />}
    </span>
  );
}
