import { Button, TextInput } from '@patternfly/react-core';
import { type ClipboardEvent, type KeyboardEvent, useRef } from 'react';

import { Icon } from '../show/Icon';
import type { ControlProps } from './Control';

/** Texts, each in a row of its own. Enter goes on to the next row, and pasted lines become rows. */
export function ListField({ id, help, input, given, invalid, change }: ControlProps) {
  const items = Array.isArray(given) ? given : [];
  // There is always a row to type into.
  const rows = items.length === 0 ? [''] : items;
  const box = useRef<HTMLDivElement>(null);

  const put = (next: string[]): void =>
    change(next.length === 0 || (next.length === 1 && next[0] === '') ? null : next);
  const focus = (row: number): void => {
    requestAnimationFrame(() => box.current?.querySelectorAll<HTMLInputElement>('input')[row]?.focus());
  };
  const add = (after: number): void => {
    change(rows.toSpliced(after + 1, 0, ''));
    focus(after + 1);
  };
  const remove = (row: number): void => {
    put(rows.toSpliced(row, 1));
    focus(Math.max(0, row - 1));
  };
  const paste = (event: ClipboardEvent<HTMLInputElement>, row: number): void => {
    const lines = event.clipboardData.getData('text/plain').split(/\r?\n/);
    while (lines.at(-1) === '') {
      lines.pop();
    }
    if (lines.length > 1) {
      event.preventDefault();
      const { selectionStart, selectionEnd, value } = event.currentTarget;
      const from = selectionStart ?? value.length;
      lines[0] = value.slice(0, from) + (lines[0] ?? '');
      lines.push((lines.pop() ?? '') + value.slice(selectionEnd ?? from));
      change(rows.toSpliced(row, 1, ...lines));
      focus(row + lines.length - 1);
    }
  };
  const key = (event: KeyboardEvent<HTMLInputElement>, row: number): void => {
    if (event.key === 'Enter') {
      event.preventDefault();
      add(row);
    } else if (event.key === 'Backspace' && rows[row] === '' && rows.length > 1) {
      event.preventDefault();
      remove(row);
    }
  };

  return (
    <div ref={box} className="sb-list-field">
      {rows.map((item, row) => (
        // A row is its place: rows have no other name.
        // oxlint-disable-next-line react/no-array-index-key
        <div key={row} className="sb-list-row">
          <TextInput
            id={row === 0 ? id : `${id}-${row + 1}`}
            aria-label={`${input.name}, item ${row + 1}`}
            aria-describedby={help}
            autoComplete="off"
            spellCheck={false}
            validated={invalid ? 'error' : 'default'}
            value={item}
            onChange={(_event, text) => put(rows.with(row, text))}
            onPaste={(event) => paste(event, row)}
            onKeyDown={(event) => key(event, row)}
          />
          <Button
            variant="plain"
            aria-label={`Remove item ${row + 1} of ${input.name}`}
            isDisabled={items.length === 0}
            icon={<Icon name="close" />}
            onClick={() => remove(row)}
          />
        </div>
      ))}
      <div className="sb-list-foot">
        <Button variant="link" isInline icon={<Icon name="plus" />} onClick={() => add(rows.length - 1)}>
          Add an item
        </Button>
        <span className="sb-faint">
          {items.length > 0 && `${items.length} ${items.length === 1 ? 'item' : 'items'} · `}pasted lines become items
        </span>
      </div>
    </div>
  );
}
