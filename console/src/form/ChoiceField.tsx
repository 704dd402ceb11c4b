import { Button, Checkbox, FormSelect, FormSelectOption, Spinner } from '@patternfly/react-core';

import type { ChoiceOption, Input } from '../api/shapes';
import { Prose } from '../show/Prose';
import type { ControlProps } from './Control';
import { Typeahead } from './Typeahead';
import { type Offered, useChoices } from './useChoices';
import { hasDefault, typed } from './values';

/** Longer lists are searched rather than looked through. */
const MOST_IN_SELECT = 20;
const MOST_BOXES = 8;

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function About({ offered, name }: { offered: Offered; name: string }) {
  return (
    <div className="sb-choices-about" role="status">
      {offered.missing.length > 0 && (
        <span className="sb-faint">
          Its options depend on{' '}
          {offered.missing.map((each, at) => (
            <span key={each}>
              {at > 0 && ', '}
              <code>{each}</code>
            </span>
          ))}
          : fill that in first.
        </span>
      )}
      {offered.loading && (
        <span className="sb-faint">
          <Spinner size="sm" aria-label={`Fetching the options of ${name}`} /> Fetching the options…
        </span>
      )}
      {offered.error !== null && !offered.loading && (
        <span className="sb-choices-failed">
          The options could not be fetched: <Prose text={reason(offered.error)} />{' '}
          <Button variant="link" isInline onClick={offered.again}>
            Try again
          </Button>
        </span>
      )}
    </div>
  );
}

function Boxes({ id, help, options, chosen, change }: BoxesProps) {
  return options.map(({ value, label }) => (
    <Checkbox
      key={value}
      id={`${id}-${value}`}
      aria-describedby={help}
      label={label ?? value}
      isChecked={chosen.includes(value)}
      onChange={(_event, on) => {
        const rest = chosen.filter((each) => each !== value);
        // In the order of the options, however they were ticked.
        const next = on ? [...rest, value] : rest;
        const order = options.map((option) => option.value);
        change(next.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
      }}
    />
  ));
}

interface BoxesProps {
  id: string;
  help: string;
  options: ChoiceOption[];
  chosen: string[];
  change: (chosen: string[]) => void;
}

/** One or several of some options, which may be fetched, and which may not be all there is. */
export function ChoiceField(props: ControlProps & { input: Extract<Input, { type: 'choice' }> }) {
  const { id, help, input, given, invalid, before, change } = props;
  const offered = useChoices(input, before);
  const many = input.multiple === true;
  const free = input.free === true;
  const chosen = Array.isArray(given) ? given : typeof given === 'string' && given !== '' ? [given] : [];
  const known = new Set(offered.options.map(({ value }) => value));
  // What was chosen stays visible while its options are on their way, or no longer among them.
  const strangers: ChoiceOption[] = chosen.filter((value) => !known.has(value)).map((value) => ({ value }));
  const options = [...offered.options, ...strangers];

  const put = (next: string[]): void => {
    const [first] = next;
    change(many ? (next.length > 0 || hasDefault(input) ? next : null) : (first ?? null));
  };

  if (many && !free && options.length <= MOST_BOXES) {
    return (
      <>
        <div className="sb-boxes">
          <Boxes id={id} help={help} options={options} chosen={chosen} change={put} />
        </div>
        <About offered={offered} name={input.name} />
      </>
    );
  }
  if (many || free || options.length > MOST_IN_SELECT) {
    return (
      <>
        <Typeahead
          id={id}
          help={help}
          name={input.name}
          options={options}
          chosen={chosen}
          many={many}
          free={free}
          invalid={invalid}
          loading={offered.loading}
          change={put}
        />
        <About offered={offered} name={input.name} />
      </>
    );
  }
  return (
    <>
      <FormSelect
        id={id}
        aria-describedby={help}
        isRequired={input.required}
        isDisabled={options.length === 0}
        validated={invalid ? 'error' : 'default'}
        value={chosen[0] ?? ''}
        onChange={(_event, text) => change(typed(input, text))}
      >
        {(chosen.length === 0 || (input.required !== true && !hasDefault(input))) && (
          <FormSelectOption
            value=""
            label={options.length === 0 ? 'No options' : input.required ? 'Choose…' : 'Not given'}
            isPlaceholder
          />
        )}
        {options.map(({ value, label }) => (
          <FormSelectOption key={value} value={value} label={label ?? value} />
        ))}
      </FormSelect>
      <About offered={offered} name={input.name} />
    </>
  );
}
