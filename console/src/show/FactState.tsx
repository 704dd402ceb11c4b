import type { ReactNode } from 'react';

import type { FactState } from '../api/shapes';
import './state.css';

const SHAPES: Record<Exclude<FactState, 'current'>, ReactNode> = {
  stale: (
    <>
      <circle cx="8" cy="8" r="6.5" className="line" strokeDasharray="2.4 2" />
      <path d="M8 4.6V8l2.3 1.8" className="line" />
    </>
  ),
  gone: (
    <>
      <path d="M2 2h12v12H2z" className="line" strokeDasharray="2.4 2" />
      <path d="M5 8h6" className="line" />
    </>
  ),
};

/** Does a fact still hold? What holds needs no word. */
export function FactStateLabel({ state }: { state: FactState }) {
  return state === 'current' ? null : (
    <span className="sb-state sb-fact-state" data-fact={state}>
      <svg className={`sb-glyph sb-fact-${state}`} viewBox="0 0 16 16" aria-hidden="true">
        {SHAPES[state]}
      </svg>
      {state}
    </span>
  );
}
