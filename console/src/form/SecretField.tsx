import { Button, InputGroup, InputGroupItem, TextInput } from '@patternfly/react-core';
import { useState } from 'react';

import type { ControlProps } from './Control';

/** A value that nobody reads over one's shoulder, unless one asks to see what one has typed. */
export function SecretField({ id, help, input, given, invalid, change }: ControlProps) {
  const [seen, see] = useState(false);
  return (
    <InputGroup className="sb-secret">
      <InputGroupItem isFill>
        <TextInput
          id={id}
          aria-describedby={help}
          type={seen ? 'text' : 'password'}
          // Browsers offer to remember what they take for a login; this keeps them from it.
          autoComplete="new-password"
          autoCapitalize="off"
          spellCheck={false}
          isRequired={input.required}
          validated={invalid ? 'error' : 'default'}
          value={typeof given === 'string' ? given : ''}
          onChange={(_event, text) => change(text === '' ? null : text)}
        />
      </InputGroupItem>
      <InputGroupItem>
        <Button variant="control" aria-pressed={seen} aria-label={`Show ${input.name}`} onClick={() => see(!seen)}>
          {seen ? 'Hide' : 'Show'}
        </Button>
      </InputGroupItem>
    </InputGroup>
  );
}
