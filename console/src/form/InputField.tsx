import {
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  Radio,
  Switch,
  TextInput,
} from '@patternfly/react-core';
import type { ReactNode } from 'react';

import type { Input } from '../../api/shapes';
import { Prose } from '../../show/Prose';
import { VisibleText } from '../../show/VisibleText';
import { TextField } from './TextField';
import { type Given, typed } from './values';

interface InputFieldProps {
  input: Input;
  given: Given;
  fault: string | null;
  change: (given: Given) => void;
}

/** The parts that every kind of field has: how it is called, whether it is needed, what it means, what is wrong. */
function Help({ id, input, fault }: { id: string; input: Input; fault: string | null }) {
  return (
    <FormHelperText>
      <HelperText id={id}>
        {fault !== null && (
          <HelperTextItem variant="error">
            <Prose text={fault} />
          </HelperTextItem>
        )}
        {input.description && (
          <HelperTextItem>
            <VisibleText text={input.description} />
          </HelperTextItem>
        )}
      </HelperText>
    </FormHelperText>
  );
}

function Choice({ id, input, given, change }: Pick<InputFieldProps, 'input' | 'given' | 'change'> & { id: string }) {
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

function control(id: string, help: string, { input, given, fault, change }: InputFieldProps): ReactNode {
  const validated = fault === null ? 'default' : 'error';
  switch (input.type) {
    case 'integer':
      return (
        <TextInput
          id={id}
          aria-describedby={help}
          className="sb-integer"
          inputMode="numeric"
          autoComplete="off"
          validated={validated}
          value={given ?? ''}
          onChange={(_event, text) => change(typed(input, text))}
        />
      );
    case 'choice':
      return (
        <FormSelect
          id={id}
          aria-describedby={help}
          validated={validated}
          value={given ?? ''}
          onChange={(_event, text) => change(typed(input, text))}
        >
          {(input.required !== true || given === null) && (
            <FormSelectOption value="" label={input.required ? 'Choose…' : 'Not given'} isPlaceholder />
          )}
          {input.options.map((option) => (
            <FormSelectOption key={option} value={option} label={option} />
          ))}
        </FormSelect>
      );
    default:
      return (
        <TextField
          id={id}
          help={help}
          invalid={fault !== null}
          value={given ?? ''}
          change={(text) => change(typed(input, text))}
        />
      );
  }
}

/** One input of a runbook as a field of the form. */
export function InputField(props: InputFieldProps) {
  const { input, given, fault, change } = props;
  const id = `input-${input.name}`;
  const help = `${id}-help`;
  const label = <code className="sb-input-name">{input.name}</code>;
  if (input.type === 'boolean') {
    const switched = input.default !== undefined && input.default !== null;
    return (
      <FormGroup
        role={switched ? 'group' : 'radiogroup'}
        label={label}
        isRequired={input.required}
        fieldId={id}
        isInline
      >
        {switched ? (
          <Switch
            id={id}
            aria-describedby={help}
            aria-label={input.name}
            label={given === 'true' ? 'Yes' : 'No'}
            isChecked={given === 'true'}
            onChange={(_event, on) => change(String(on))}
          />
        ) : (
          <Choice id={id} input={input} given={given} change={change} />
        )}
        <Help id={help} input={input} fault={fault} />
      </FormGroup>
    );
  }
  return (
    <FormGroup label={label} isRequired={input.required} fieldId={id}>
      {control(id, help, props)}
      <Help id={help} input={input} fault={fault} />
    </FormGroup>
  );
}
