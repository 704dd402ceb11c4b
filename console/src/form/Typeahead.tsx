import {
  Button,
  Label,
  LabelGroup,
  MenuToggle,
  Select,
  SelectList,
  SelectOption,
  TextInputGroup,
  TextInputGroupMain,
  TextInputGroupUtilities,
} from '@patternfly/react-core';
import { type KeyboardEvent, useRef, useState } from 'react';

import type { ChoiceOption } from '../api/shapes';
import { Icon } from '../show/Icon';

/** A menu of more options is narrowed by typing on. */
const MOST_SHOWN = 100;

interface TypeaheadProps {
  id: string;
  help: string;
  name: string;
  options: ChoiceOption[];
  chosen: string[];
  many: boolean;
  /** Something else than the options may be typed. */
  free: boolean;
  invalid: boolean;
  loading: boolean;
  change: (chosen: string[]) => void;
}

function matching(options: ChoiceOption[], text: string): ChoiceOption[] {
  const wanted = text.trim().toLowerCase();
  return wanted === ''
    ? options
    : options.filter(({ value, label }) => `${value} ${label ?? ''}`.toLowerCase().includes(wanted));
}

/** A choice that is narrowed by typing: one or several, of the options or free. */
export function Typeahead(props: TypeaheadProps) {
  const { id, help, name, options, chosen, many, free, invalid, loading, change } = props;
  const [open, setOpen] = useState(false);
  /** What is typed and not yet chosen; `null`: nothing is. */
  const [text, setText] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const labels = new Map(options.map(({ value, label }) => [value, label ?? value]));
  const single = chosen[0];
  const shownText = text ?? (!many && single !== undefined ? (labels.get(single) ?? single) : '');
  const found = matching(options, text ?? '').slice(0, MOST_SHOWN);
  const own = (text ?? '').trim();
  const canAdd = free && own !== '' && !options.some(({ value }) => value === own);
  const rows: ChoiceOption[] = canAdd ? [{ value: own, label: `Use “${own}”` }, ...found] : found;

  const show = (): void => {
    setOpen(true);
    setActive(0);
  };
  const pick = (value: string): void => {
    if (many) {
      change(chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value]);
      setText(null);
    } else {
      change([value]);
      setText(null);
      setOpen(false);
    }
    field.current?.focus();
  };
  /** Left with something typed: a free text is taken, anything else is put back. */
  const leave = (): void => {
    const exact = options.find(({ value, label }) => value === own || label === own);
    if (own !== '' && (free || exact !== undefined)) {
      const value = exact?.value ?? own;
      change(many ? [...chosen.filter((each) => each !== value), value] : [value]);
    } else if (!many && text !== null && own === '') {
      change([]);
    }
    setText(null);
    setOpen(false);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') {
      const row = open ? rows[active] : undefined;
      if (row !== undefined || text !== null) {
        // Not yet the form's Enter.
        event.preventDefault();
        if (row !== undefined) {
          pick(row.value);
        }
      }
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const by = event.key === 'ArrowDown' ? 1 : -1;
      if (open) {
        setActive((at) => (at + by + rows.length) % Math.max(rows.length, 1));
      } else {
        show();
      }
    } else if (event.key === 'Escape' && open) {
      event.stopPropagation();
      setText(null);
      setOpen(false);
    } else if (event.key === 'Backspace' && many && own === '' && chosen.length > 0) {
      change(chosen.slice(0, -1));
    }
  };

  return (
    <div className="sb-typeahead">
      <Select
        isOpen={open}
        onOpenChange={(next) => (next ? show() : setOpen(false))}
        onSelect={(_event, value) => pick(String(value))}
        selected={chosen}
        variant="typeahead"
        isScrollable
        popperProps={{ appendTo: 'inline' }}
        toggle={(toggle) => (
          <MenuToggle
            ref={toggle}
            variant="typeahead"
            aria-label={`Options of ${name}`}
            isExpanded={open}
            isFullWidth
            status={invalid ? 'danger' : undefined}
            onClick={() => {
              if (open) {
                setOpen(false);
              } else {
                show();
              }
              field.current?.focus();
            }}
          >
            <TextInputGroup isPlain>
              <TextInputGroupMain
                innerRef={field}
                inputId={id}
                // It says itself whether it is expanded.
                // oxlint-disable-next-line jsx-a11y/role-has-required-aria-props
                role="combobox"
                autoComplete="off"
                aria-label={name}
                aria-describedby={help}
                aria-controls={`${id}-options`}
                isExpanded={open}
                aria-activedescendant={open && rows.length > 0 ? `${id}-option-${active}` : undefined}
                placeholder={many ? 'Add…' : free ? 'Choose or type…' : 'Choose…'}
                value={shownText}
                onClick={show}
                onChange={(_event, next) => {
                  setText(next);
                  show();
                }}
                onKeyDown={key}
                onBlur={leave}
              />
              {!many && single !== undefined && (
                <TextInputGroupUtilities>
                  <Button
                    variant="plain"
                    aria-label={`Clear ${name}`}
                    icon={<Icon name="close" />}
                    onClick={(event) => {
                      event.stopPropagation();
                      change([]);
                      setText(null);
                      field.current?.focus();
                    }}
                  />
                </TextInputGroupUtilities>
              )}
            </TextInputGroup>
          </MenuToggle>
        )}
      >
        {/* The field keeps the focus while one picks with the mouse. */}
        <SelectList
          id={`${id}-options`}
          aria-label={`Options of ${name}`}
          isAriaMultiselectable={many}
          onMouseDown={(event) => event.preventDefault()}
        >
          {rows.length === 0 && (
            <SelectOption isDisabled value="">
              {loading ? 'Fetching the options…' : 'None is like that'}
            </SelectOption>
          )}
          {rows.map(({ value, label }, at) => (
            <SelectOption
              key={`${value}-${label ?? ''}`}
              id={`${id}-option-${at}`}
              value={value}
              isFocused={at === active}
              isSelected={chosen.includes(value)}
            >
              {label ?? value}
            </SelectOption>
          ))}
        </SelectList>
      </Select>
      {many && chosen.length > 0 && (
        <LabelGroup aria-label={`Chosen for ${name}`} numLabels={20}>
          {chosen.map((value) => (
            <Label
              key={value}
              variant="outline"
              closeBtnAriaLabel={`Remove ${value}`}
              onClose={() => change(chosen.filter((each) => each !== value))}
            >
              {labels.get(value) ?? value}
            </Label>
          ))}
        </LabelGroup>
      )}
    </div>
  );
}
