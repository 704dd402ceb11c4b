import type { ReactNode } from 'react';

import type { RunState, StepState } from '../api/shapes';
import './state.css';

type State = RunState | StepState;

/** Each state has its own shape, so that nobody needs to tell colours apart. */
const SHAPES: Record<State, ReactNode> = {
  pending: <circle cx="8" cy="8" r="6" className="line" strokeDasharray="2.2 2.5" />,
  queued: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="M8 4.5V8l2.4 1.8" className="line" />
    </>
  ),
  running: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line track" />
      <path d="M8 1.750A6.25 6.25 0 0 1 14.250 8" className="line turning" />
      <path d="M6.5 5.3v5.4L10.9 8z" className="fill" />
    </>
  ),
  waiting: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="M6.25 5.5v5M9.75 5.5v5" className="line" />
    </>
  ),
  canceling: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line track" />
      <path d="M8 1.750A6.25 6.25 0 0 1 14.250 8" className="line turning" />
      <path d="M5.75 5.75h4.5v4.5h-4.5z" className="fill" />
    </>
  ),
  succeeded: (
    <>
      <circle cx="8" cy="8" r="7" className="fill" />
      <path d="m4.8 8.3 2.2 2.2 4.3-4.6" className="mark" />
    </>
  ),
  failed: (
    <>
      <path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" className="fill" />
      <path d="m5.5 5.5 5 5m0-5-5 5" className="mark" />
    </>
  ),
  canceled: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="m3.6 12.4 8.8-8.8" className="line" />
    </>
  ),
  skipped: (
    <>
      <circle cx="8" cy="8" r="6.25" className="line" />
      <path d="m5.3 5.5 2.5 2.5-2.5 2.5m3.2-5L11 8l-2.5 2.5" className="line" />
    </>
  ),
  unknown: (
    <>
      <path d="M8 .4 15.6 8 8 15.6.4 8z" className="fill" />
      <path d="M6.2 6.5a1.8 1.8 0 1 1 2.5 1.7c-.5.2-.7.5-.7 1" className="mark" />
      <circle cx="8" cy="11.2" r=".9" className="dot" />
    </>
  ),
};

/** `size` is for a glyph inside of a picture, where no text gives it one. */
export function StateGlyph({ state, size }: { state: State; size?: number }) {
  return (
    <svg className={`sb-glyph sb-glyph-${state}`} viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      {SHAPES[state]}
    </svg>
  );
}

/** A state as symbol and word. */
export function StateLabel({ state, large = false }: { state: State; large?: boolean }) {
  return (
    <span className={large ? 'sb-state sb-state-large' : 'sb-state'} data-state={state}>
      <StateGlyph state={state} />
      {state}
    </span>
  );
}
