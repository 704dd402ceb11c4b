import { useState } from 'react';

import { VisibleText } from './VisibleText';

const FEW = 5;

interface NamesProps {
  names: string[];
  /** What they are. */
  one: string;
  many: string;
}

/** Some names: all if they are few, else how many there are, and all on demand. */
export function Names({ names, one, many }: NamesProps) {
  const [open, setOpen] = useState(false);
  const count = `${names.length.toLocaleString('en')} ${names.length === 1 ? one : many}`;
  if (names.length === 0) {
    return `no ${one}`;
  }
  if (names.length <= FEW || open) {
    return (
      <>
        {names.length > 1 && `${count}: `}
        <VisibleText text={names.join(', ')} />
        {open && (
          <button type="button" className="sb-plain-button sb-names-more" onClick={() => setOpen(false)}>
            fewer
          </button>
        )}
      </>
    );
  }
  return (
    <>
      {count}: <VisibleText text={names.slice(0, FEW - 2).join(', ')} />,{' '}
      <button type="button" className="sb-plain-button" onClick={() => setOpen(true)}>
        {names.length - FEW + 2} more
      </button>
    </>
  );
}
