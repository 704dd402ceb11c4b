import { FormGroup, FormHelperText, HelperText, HelperTextItem } from '@patternfly/react-core';
import { memo } from 'react';

import type { Input } from '../api/shapes';
import { Prose } from '../show/Prose';
import { VisibleText } from '../show/VisibleText';
import { Control } from './Control';
import './form.css';
import { hintsOf } from './hints';
import { useFormPlace } from './place';
import { type Computed, type FormValues, type Given, isEmpty } from './values';

export interface InputFieldProps {
  input: Input;
  given: Given;
  fault: string | null;
  /** Only the server can tell whether it is asked for. */
  unsure?: boolean;
  computed: Computed;
  /** The inputs before it, for choices that depend on them. */
  before?: FormValues;
  change: (name: string, given: Given) => void;
}

/** What every kind of field has beneath it: what is wrong, what it means, what it takes. */
function Help({ id, input, given, fault, unsure = false, computed }: InputFieldProps & { id: string }) {
  const hints = hintsOf(input, computed, isEmpty(given));
  return (
    <FormHelperText>
      <HelperText id={id}>
        {fault !== null && (
          <HelperTextItem variant="error">
            <Prose text={fault} />
          </HelperTextItem>
        )}
        {unsure && input.show_if && (
          <HelperTextItem>
            Asked only if: <code>{input.show_if}</code>
          </HelperTextItem>
        )}
        {input.description && (
          <HelperTextItem>
            <VisibleText text={input.description} />
          </HelperTextItem>
        )}
        {hints !== '' && <HelperTextItem>{hints}</HelperTextItem>}
      </HelperText>
    </FormHelperText>
  );
}

/** Fields that are made of several controls are a group with a name; the others a control with a label. */
function roleOf(input: Input): 'group' | 'radiogroup' | undefined {
  if (input.type === 'boolean') {
    return input.default !== undefined && input.default !== null ? 'group' : 'radiogroup';
  }
  return input.type === 'list' || (input.type === 'choice' && input.multiple === true) ? 'group' : undefined;
}

/** One input of a runbook, or one field of a manual step. */
export const InputField = memo(function InputField(props: InputFieldProps) {
  const { input, given, fault, before, change } = props;
  const { prefix } = useFormPlace();
  const id = `${prefix}-${input.name}`;
  const help = `${id}-help`;
  return (
    <FormGroup
      role={roleOf(input)}
      label={<code className="sb-input-name">{input.name}</code>}
      isRequired={input.required}
      fieldId={id}
      isInline={input.type === 'boolean'}
      data-input={input.name}
    >
      <Control
        id={id}
        help={help}
        input={input}
        given={given}
        invalid={fault !== null}
        before={before ?? {}}
        change={(next) => change(input.name, next)}
      />
      <Help {...props} id={help} />
    </FormGroup>
  );
});
