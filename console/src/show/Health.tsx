import type { ReactNode } from 'react';

import type { Health } from '../api/shapes';
import { healthWord } from './healthWords';
import './state.css';

/** Each has its own shape, so that nobody needs to tell colours apart. */
const SHAPES: Record<Health, ReactNode> = {
  ok: (
    <>
      <circle cx="8" cy="8" r="7" className="fill" />
      <path d="m4.8 8.3 2.2 2.2 4.3-4.6" className="mark" />
    </>
  ),
  degraded: (
    <>
      <path d="M8 1 15.4 14.4H.6z" className="fill" />
      <path d="M8 6v3.8" className="mark" />
      <circle cx="8" cy="12.2" r=".95" className="dot" />
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
      <circle cx="8" cy="8" r="6.5" className="line" strokeDasharray="2.4 2" />
      <path d="M8 4.6V8l2.3 1.8" className="line" />
    </>
  ),
  data_error: (
    <>
      <path d="M1.2 1.2h13.6v13.6H1.2z" className="fill" />
      <path d="M4.5 6.2h7M4.5 9.8h7M10.2 3.8 5.8 12.2" className="mark" />
    </>
  ),
  bad: (
    <>
      <path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" className="fill" />
      <path d="m5.5 5.5 5 5m0-5-5 5" className="mark" />
    </>
  ),
};

/** `size` is for a glyph inside of a picture, where no text gives it one. */
export function HealthGlyph({ health, size }: { health: Health; size?: number }) {
  return (
    <svg className={`sb-glyph sb-health-${health}`} viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      {SHAPES[health]}
    </svg>
  );
}

/** Health as symbol and word. */
export function HealthLabel({ health, large = false }: { health: Health; large?: boolean }) {
  return (
    <span className={large ? 'sb-state sb-state-large' : 'sb-state'} data-health={health}>
      <HealthGlyph health={health} />
      {healthWord(health)}
    </span>
  );
}
