import { InputGroup, InputGroupItem, InputGroupText, Radio, Switch, TextArea, TextInput } from '@patternfly/react-core';
import type { ReactNode } from 'react';

import type { Input } from '../api/shapes';
import { duration } from '../show/time';
import { ChoiceField } from './ChoiceField';
import { parseDuration } from './duration';
import { FileField } from './FileField';
import { ListField } from './ListField';
import { MomentField } from './MomentField';
import { SecretField } from './SecretField';
import { TextField } from './TextField';
import { type FormValues, type Given, hasDefault, isFile, typed } from './values';

export interface ControlProps {
  id: string;
  /** The id of what is said beneath. */
  help: string;
  input: Input;
  given: Given;
  invalid: boolean;
  before: FormValues;
  change: (given: Given) => void;
}

function YesOrNo({ id, help, input, given, change }: ControlProps) {
  if (hasDefault(input)) {
    return (
      <Switch
        id={id}
        aria-describedby={help}
        aria-label={input.name}
        label={given === 'true' ? 'Yes' : 'No'}
        isChecked={given === 'true'}
        onChange={(_event, on) => change(String(on))}
      />
    );
  }
  const options: [Given, string][] = [
    ['true', 'Yes'],
    ['false', 'No'],
  ];
  if (input.required !== true) {
    options.unshift([null, 'Not given']);
  }
  return options.map(([value, label]) => (
    <Radio
      key={label}
      id={`${id}-${label}`}
      name={id}
      label={label}
      isChecked={given === value}
      onChange={() => change(value)}
    />
  ));
}

/** One line of a narrow kind: numbers and the like. */
function Short({
  id,
  help,
  input,
  given,
  invalid,
  change,
  mode,
  placeholder,
}: ControlProps & { mode: 'numeric' | 'decimal' | 'text'; placeholder?: string }) {
  return (
    <TextInput
      id={id}
      aria-describedby={help}
      className="sb-short"
      inputMode={mode}
      autoComplete="off"
      spellCheck={false}
      placeholder={placeholder}
      isRequired={input.required}
      validated={invalid ? 'error' : 'default'}
      value={typeof given === 'string' ? given : ''}
      onChange={(_event, text) => change(typed(input, text))}
    />
  );
}

function DurationField(props: ControlProps) {
  const seconds = typeof props.given === 'string' ? parseDuration(props.given.trim()) : null;
  return (
    <div className="sb-beside">
      <Short {...props} mode="text" placeholder="1h30m" />
      <span className="sb-faint">{seconds === null ? '' : duration(seconds * 1000).replace('.0', '')}</span>
    </div>
  );
}

function Area({ id, help, input, given, invalid, change, code }: ControlProps & { code: boolean }) {
  const value = typeof given === 'string' ? given : '';
  return (
    <TextArea
      id={id}
      aria-describedby={help}
      className={code ? 'sb-area sb-json' : 'sb-area'}
      validated={invalid ? 'error' : 'default'}
      resizeOrientation="vertical"
      isRequired={input.required}
      rows={Math.min(16, Math.max(4, value.split('\n').length + 1))}
      spellCheck={!code}
      value={value}
      onChange={(_event, text) => change(typed(input, text))}
    />
  );
}

/** The control of an input's kind. */
export function Control(props: ControlProps): ReactNode {
  const { id, help, input, given, invalid, change } = props;
  switch (input.type) {
    case 'boolean':
      return <YesOrNo {...props} />;
    case 'integer':
      return <Short {...props} mode="numeric" />;
    case 'number':
      return <Short {...props} mode="decimal" />;
    case 'percentage':
      return (
        <InputGroup className="sb-percent">
          <InputGroupItem>
            <Short {...props} mode="decimal" />
          </InputGroupItem>
          <InputGroupText>%</InputGroupText>
        </InputGroup>
      );
    case 'duration':
      return <DurationField {...props} />;
    case 'date':
    case 'datetime':
      return <MomentField {...props} />;
    case 'choice':
      return <ChoiceField {...props} input={input} />;
    case 'list':
      return <ListField {...props} />;
    case 'json':
      return <Area {...props} code />;
    case 'text':
      return <Area {...props} code={false} />;
    case 'file':
      return (
        <FileField
          id={id}
          help={help}
          name={input.name}
          file={isFile(given) ? given : null}
          most={input.max_bytes ?? null}
          invalid={invalid}
          change={change}
        />
      );
    case 'secret':
      return <SecretField {...props} />;
    default:
      return (
        <TextField
          id={id}
          help={help}
          invalid={invalid}
          value={typeof given === 'string' ? given : ''}
          change={(text) => change(typed(input, text))}
        />
      );
  }
}
