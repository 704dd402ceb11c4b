import { TextInput } from '@patternfly/react-core';

import { localInput, offsetOf, zoneName } from '../show/time';
import type { ControlProps } from './Control';

/** How far the reader's clock is from UTC on this page's day, while no moment is given. */
const OPENED = new Date();

/** A day, or a moment in the reader's zone, which is shown beside it. */
export function MomentField({ id, help, input, given, invalid, change }: ControlProps) {
  const text = typeof given === 'string' ? given : '';
  const day = input.type === 'date';
  const at = day || text === '' ? null : new Date(text);
  return (
    <div className="sb-beside">
      <TextInput
        id={id}
        aria-describedby={help}
        className="sb-moment"
        type={day ? 'date' : 'datetime-local'}
        step={day ? undefined : 1}
        max={day ? '9999-12-31' : '9999-12-31T23:59:59'}
        isRequired={input.required}
        validated={invalid ? 'error' : 'default'}
        value={day ? text : localInput(text)}
        onChange={(_event, next) => {
          const moment = new Date(next);
          if (next === '' || (!day && Number.isNaN(moment.getTime()))) {
            change(null);
          } else {
            change(day ? next : `${moment.toISOString().slice(0, 19)}Z`);
          }
        }}
      />
      {!day && (
        <span className="sb-faint">
          {zoneName()} ({offsetOf(at ?? OPENED)})
        </span>
      )}
    </div>
  );
}
