import type { ReactNode } from 'react';

import type { Effect } from '../api/shapes';

const SHAPES: Record<Effect, ReactNode> = {
  read: (
    <>
      <path d="M1 8s2.5-4.5 7-4.5S15 8 15 8s-2.5 4.5-7 4.5S1 8 1 8z" />
      <circle cx="8" cy="8" r="2" />
    </>
  ),
  change: <path d="m2.5 13.5.8-3.2 7.6-7.6 2.4 2.4-7.6 7.6z" />,
  irreversible: <path d="M8 1.5 15 14H1zM8 6.5v3.5m0 2v.1" />,
};

const MEANINGS: Record<Effect, string> = {
  read: 'Only looks; changes nothing',
  change: 'Changes something',
  irreversible: 'Changes something that cannot be undone',
};

export function EffectLabel({ effect }: { effect: Effect }) {
  return (
    <span className={`sb-effect sb-effect-${effect}`} title={MEANINGS[effect]}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {SHAPES[effect]}
      </svg>
      {effect}
    </span>
  );
}
