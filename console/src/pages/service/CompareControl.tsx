import { FormSelect, FormSelectOption, TextInput } from '@patternfly/react-core';

import type { ComparedWith } from '../../api/queries';
import { serverNow } from '../../live/clock';
import { localInput, offsetOf, zoneName } from '../../show/time';

const HOUR = 3_600_000;
const AT = '@';

/** A moment as an address has it: to the second. */
function momentOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

interface CompareControlProps {
  /** The environment of now. */
  environment: string;
  environments: string[];
  other: ComparedWith | null;
  change: (other: ComparedWith | null) => void;
}

/** What to hold the facts against: nothing, themselves at a moment, another environment. */
export function CompareControl({ environment, environments, other, change }: CompareControlProps) {
  const value = other === null ? '' : 'at' in other ? AT : other.against;
  const choose = (next: string): void => {
    if (next === '') {
      change(null);
    } else {
      change(next === AT ? { at: momentOf(serverNow() - 24 * HOUR) } : { against: next });
    }
  };
  return (
    <div className="sb-compare">
      <FormSelect
        aria-label="Compare with"
        className="sb-compare-with"
        value={value}
        onChange={(_event, next) => choose(next)}
      >
        <FormSelectOption value="" label="Compare with…" />
        <FormSelectOption value={AT} label={environments.length > 1 ? `${environment} at a moment` : 'a moment'} />
        {environments
          .filter((each) => each !== environment)
          .map((each) => (
            <FormSelectOption key={each} value={each} label={`${each} now`} />
          ))}
      </FormSelect>
      {other !== null && 'at' in other && (
        <>
          <TextInput
            aria-label="Moment to compare with"
            className="sb-compare-moment"
            type="datetime-local"
            step={1}
            max="9999-12-31T23:59:59"
            value={localInput(other.at)}
            onChange={(_event, text) => {
              const moment = Date.parse(text);
              if (!Number.isNaN(moment)) {
                change({ at: momentOf(moment) });
              }
            }}
          />
          <span className="sb-faint" title={zoneName()}>
            {offsetOf(new Date(other.at))}
          </span>
        </>
      )}
    </div>
  );
}
