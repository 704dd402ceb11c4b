import { Fragment } from 'react';

import { zoneName } from '../show/time';
import type { Timing } from './when';

/** When something is due: in words where there are good ones, else as it is written, and by whose clocks. */
export function WhenWords({ timing }: { timing: Timing }) {
  const { words, expressions, zone } = timing;
  return (
    <span className="sb-when">
      {words.map((said, at) => {
        const written = expressions[at];
        return (
          <Fragment key={written ?? said}>
            {at > 0 && ', and '}
            {said === null ? <code>{written}</code> : <span title={written}>{said}</span>}
          </Fragment>
        );
      })}
      {zone !== null && <span className={zone === zoneName() ? 'sb-faint' : 'sb-when-zone'}> {zone}</span>}
    </span>
  );
}
