import { Button, TextArea, TextInput } from '@patternfly/react-core';
import { type ClipboardEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';

import { hasUnseen, visible } from '../log/escape';

interface TextFieldProps {
  id: string;
  help: string;
  invalid: boolean;
  value: string;
  change: (text: string) => void;
}

/**
 * A text of one line, which becomes one of many when its value has them, when some are pasted, or with Shift+Enter. A one-line
 * field would drop the line ends of a pasted text without a word, and Enter in a field of many lines would add one by accident.
 */
export function TextField({ id, help, invalid, value, change }: TextFieldProps) {
  const [grown, setGrown] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const caret = useRef<number | null>(null);
  const many = grown || /[\r\n]/.test(value);
  const validated = invalid ? 'error' : 'default';

  useEffect(() => {
    if (many && caret.current !== null) {
      area.current?.focus();
      area.current?.setSelectionRange(caret.current, caret.current);
      caret.current = null;
    }
  }, [many]);

  const insert = (field: HTMLInputElement, text: string): void => {
    const from = field.selectionStart ?? value.length;
    const to = field.selectionEnd ?? from;
    caret.current = from + text.length;
    setGrown(true);
    change(value.slice(0, from) + text + value.slice(to));
  };
  const paste = (event: ClipboardEvent<HTMLInputElement>): void => {
    const text = event.clipboardData.getData('text/plain');
    if (/[\r\n]/.test(text)) {
      event.preventDefault();
      insert(event.currentTarget, text);
    }
  };
  const key = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key === 'Enter' && event.shiftKey) {
      event.preventDefault();
      insert(event.currentTarget, '\n');
    }
  };

  const shown = value.replaceAll('\n', '');
  return (
    <div className="sb-text-field">
      {many ? (
        <TextArea
          id={id}
          ref={area}
          aria-describedby={help}
          className="sb-area"
          validated={validated}
          resizeOrientation="vertical"
          rows={Math.min(16, Math.max(3, value.split('\n').length + 1))}
          spellCheck={false}
          value={value}
          onChange={(_event, text) => change(text)}
        />
      ) : (
        <>
          <TextInput
            id={id}
            aria-describedby={help}
            validated={validated}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            value={value}
            onChange={(_event, text) => change(text)}
            onPaste={paste}
            onKeyDown={key}
          />
          <Button
            variant="plain"
            size="sm"
            className="sb-grow"
            aria-label={`Several lines for ${id.replace(/^\w+?-/, '')}`}
            title="Several lines (Shift+Enter)"
            onClick={() => {
              caret.current = value.length;
              setGrown(true);
            }}
          >
            ↵
          </Button>
        </>
      )}
      {hasUnseen(shown) && (
        <p className="sb-unseen">
          Holds characters that cannot be seen here: <code>{visible(shown).slice(0, 200)}</code>
        </p>
      )}
    </div>
  );
}
