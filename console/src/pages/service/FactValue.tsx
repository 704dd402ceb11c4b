import { useState } from 'react';

import { VisibleText } from '../../show/VisibleText';

const LONGEST = 160;

/** The value of a fact, which may be long: all of it on demand. */
export function FactValue({ text }: { text: string }) {
  const [open, setOpen] = useState(false);
  const long = text.length > LONGEST || text.trimEnd().split('\n').length > 3;
  const shown = long && !open ? `${text.split('\n').slice(0, 3).join('\n').slice(0, LONGEST)}…` : text;
  return (
    <>
      <code className="sb-fact-value">
        {text === '' ? <span className="sb-faint">empty</span> : <VisibleText text={shown} lines />}
      </code>
      {long && (
        <button type="button" className="sb-plain-button" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'less' : 'all of it'}
        </button>
      )}
    </>
  );
}
