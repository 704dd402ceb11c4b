import type { Input, InputValue } from '../../api/shapes';

/** What a form holds for an input: its text, or `null` while nothing is given. */
export type Given = string | null;
export type FormValues = Record<string, Given>;

/** As it stands in a field. */
export function toText(value: InputValue): string {
  return String(value);
}

function isEmpty(given: Given): boolean {
  return given === null || given === '';
}

/** The values to begin with: of an earlier run if there is one, else the defaults. */
export function firstValues(inputs: Input[], earlier?: Record<string, InputValue>): FormValues {
  const values: FormValues = {};
  for (const input of inputs) {
    const value = earlier === undefined ? input.default : earlier[input.name];
    const usable =
      input.type !== 'choice' || value === undefined || value === null || input.options.includes(toText(value));
    values[input.name] = value === undefined || value === null || !usable ? null : toText(value);
  }
  return values;
}

/** What is wrong with a field before anything is sent; `null` if nothing is. */
export function faultOf(input: Input, given: Given): string | null {
  if (isEmpty(given)) {
    return input.required === true ? 'A value is needed.' : null;
  }
  if (input.type === 'integer') {
    const text = (given ?? '').trim();
    if (!/^[+-]?\d+$/.test(text)) {
      return 'Digits alone make a whole number, as 42.';
    }
    if (!Number.isSafeInteger(Number(text))) {
      return `The number must lie between ${Number.MIN_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}.`;
    }
  }
  return null;
}

export function faultsOf(inputs: Input[], values: FormValues): Map<string, string> {
  const faults = new Map<string, string>();
  for (const input of inputs) {
    const fault = faultOf(input, values[input.name] ?? null);
    if (fault !== null) {
      faults.set(input.name, fault);
    }
  }
  return faults;
}

function hasDefault(input: Input): boolean {
  return input.default !== undefined && input.default !== null;
}

/**
 * What a field gives when this stands in it. An emptied field gives nothing, so that a step finds its variable unset; but a text
 * with a default gives the empty text, since giving nothing would bring the default back.
 */
export function typed(input: Input, text: string): Given {
  return text === '' && !(input.type === 'string' && hasDefault(input)) ? null : text;
}

/** The inputs to send. */
export function toInputs(inputs: Input[], values: FormValues): Record<string, boolean | string> {
  const sent: Record<string, boolean | string> = {};
  for (const input of inputs) {
    const given = values[input.name] ?? null;
    if (given === null) {
      continue;
    }
    if (input.type === 'boolean') {
      sent[input.name] = given === 'true';
    } else {
      sent[input.name] = input.type === 'integer' ? given.trim().replace(/^\+/, '') : given;
    }
  }
  return sent;
}
