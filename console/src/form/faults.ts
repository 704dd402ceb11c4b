import type { Input } from '../api/shapes';
import { bytes } from '../show/time';
import { parseDuration, writeDuration } from './duration';
import { type FormValues, type Given, type Shown, isEmpty, isFile } from './values';

type Of<T extends Input['type']> = Extract<Input, { type: T }>;

function between(value: number, min: number | null | undefined, max: number | null | undefined): string | null {
  const low = min ?? null;
  const high = max ?? null;
  if (low !== null && high !== null && (value < low || value > high)) {
    return `It must lie between ${low} and ${high}.`;
  }
  if (low !== null && value < low) {
    return `It must be at least ${low}.`;
  }
  return high !== null && value > high ? `It must be at most ${high}.` : null;
}

function integerFault(input: Of<'integer'>, text: string): string | null {
  if (!/^[+-]?\d+$/.test(text)) {
    return 'Digits alone make a whole number, as 42.';
  }
  if (!Number.isSafeInteger(Number(text))) {
    return `The number must lie between ${Number.MIN_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}.`;
  }
  return between(Number(text), input.min, input.max);
}

function numberFault(input: Of<'number'>, text: string): string | null {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || !Number.isFinite(Number(text))) {
    return 'A number has digits and perhaps a point, as 2.5.';
  }
  return between(Number(text), input.min, input.max);
}

function percentageFault(text: string): string | null {
  const digits = text.replace(/\s*%$/, '');
  if (!/^\+?(\d+\.?\d*|\.\d+)$/.test(digits)) {
    return 'A percentage is a number from 0 to 100, as 25.';
  }
  return Number(digits) > 100 ? 'It must lie between 0 and 100.' : null;
}

function durationFault(input: Of<'duration'>, text: string): string | null {
  const seconds = parseDuration(text);
  if (seconds === null) {
    return 'A duration has numbers with units, the longest first: 90s, 5m, 1h30m, 2d.';
  }
  const low = input.min_s ?? null;
  const high = input.max_s ?? null;
  if (low !== null && seconds < low) {
    return `It must be at least ${writeDuration(low)}.`;
  }
  return high !== null && seconds > high ? `It must be at most ${writeDuration(high)}.` : null;
}

/** Characters as people count them, about: code points. */
function lengthFault(input: Of<'string'> | Of<'text'>, text: string): string | null {
  const length = Array.from(text).length;
  const low = input.min_length ?? null;
  const high = input.max_length ?? null;
  if (low !== null && length < low) {
    return `It has ${length} characters, and must have at least ${low}.`;
  }
  return high !== null && length > high ? `It has ${length} characters, and may have at most ${high}.` : null;
}

/** A pattern of the server's may be one that this browser reads otherwise: then only the server judges. */
function patternFault(pattern: string, text: string): string | null {
  let whole: RegExp;
  try {
    whole = new RegExp(`^(?:${pattern})$`, 'u');
  } catch {
    return null;
  }
  return whole.test(text) ? null : `It must match the pattern \`${pattern}\`.`;
}

function manyFault(input: Input, items: string[]): string | null {
  if (input.type !== 'list') {
    return null;
  }
  const low = input.min_items ?? null;
  const high = input.max_items ?? null;
  if (low !== null && items.length < low) {
    return `It has ${items.length} of at least ${low} items.`;
  }
  return high !== null && items.length > high ? `It has ${items.length} items, and may have at most ${high}.` : null;
}

/** What the browser takes for JSON, the server may still not take: a text alone. */
function jsonValueFault(text: string): string | null {
  const fault = jsonFault(text);
  return fault === null && typeof JSON.parse(text) === 'string'
    ? 'A text alone is not taken here: a list, an object, a number, `true`, `false` or `null` is.'
    : fault;
}

/** In words why a text is not JSON, with the place where the browser says it. */
export function jsonFault(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    const place = /position (\d+)/.exec(said)?.[1];
    if (place === undefined) {
      return `This is not JSON: ${said.replace(/^JSON\.parse: /, '')}.`;
    }
    const before = text.slice(0, Number(place)).split('\n');
    return `This is not JSON at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}.`;
  }
}

function textFault(input: Input, text: string): string | null {
  switch (input.type) {
    case 'string':
      return lengthFault(input, text) ?? (input.pattern ? patternFault(input.pattern, text) : null);
    case 'text':
      return lengthFault(input, text);
    case 'integer':
      return integerFault(input, text.trim());
    case 'number':
      return numberFault(input, text.trim());
    case 'percentage':
      return percentageFault(text.trim());
    case 'duration':
      return durationFault(input, text.trim());
    case 'date':
      return /^\d{4}-\d{2}-\d{2}$/.test(text) ? null : 'A date is written as 2026-11-26.';
    case 'datetime':
      return Number.isNaN(Date.parse(text)) ? 'A date and a time of day are needed.' : null;
    case 'json':
      return jsonValueFault(text);
    default:
      return null;
  }
}

/** What is wrong with a field before anything is sent; `null` if nothing is. */
export function faultOf(input: Input, given: Given): string | null {
  if (isEmpty(given)) {
    return input.required === true ? 'A value is needed.' : null;
  }
  if (Array.isArray(given)) {
    return manyFault(input, given);
  }
  if (isFile(given)) {
    const most = input.type === 'file' ? (input.max_bytes ?? null) : null;
    return most !== null && given.size > most
      ? `It has ${bytes(given.size)}, and may have at most ${bytes(most)}.`
      : null;
  }
  return given === null ? null : textFault(input, given);
}

/** What is wrong with the fields that are asked for. */
export function faultsOf(inputs: Input[], values: FormValues, shown: Map<string, Shown>): Map<string, string> {
  const faults = new Map<string, string>();
  for (const input of inputs) {
    const is = shown.get(input.name) ?? 'yes';
    const given = values[input.name] ?? null;
    // Whether an unsure field is needed, only the server knows.
    const fault = is === 'no' || (is === 'unsure' && isEmpty(given)) ? null : faultOf(input, given);
    if (fault !== null) {
      faults.set(input.name, fault);
    }
  }
  return faults;
}
