import type { Input, InputValue, UploadedFile } from '../api/shapes';
import { parseDuration, writeDuration } from './duration';
import { type Scope, holds } from './showIf';

/** What a form holds for an input: text, several texts, a file; `null` while nothing is given. */
export type Given = string | string[] | UploadedFile | null;
export type FormValues = Record<string, Given>;

export function isFile(given: unknown): given is UploadedFile {
  return typeof given === 'object' && given !== null && 'file' in given && 'name' in given;
}

export function isEmpty(given: Given): boolean {
  return given === null || given === '' || (Array.isArray(given) && given.length === 0);
}

/** Does its value stand in a list of texts? */
export function isMany(input: Input): boolean {
  return input.type === 'list' || (input.type === 'choice' && input.multiple === true);
}

export function hasDefault(input: Input): boolean {
  return input.default !== undefined && input.default !== null;
}

function texts(value: unknown): string[] | null {
  return Array.isArray(value) ? value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))) : null;
}

/** A value of the API as it stands in a field; `null` if the field cannot hold it. */
export function toGiven(input: Input, value: InputValue): Given {
  if (value === undefined || value === null || input.type === 'secret') {
    return null;
  }
  if (isMany(input)) {
    const many = texts(value) ?? (typeof value === 'string' ? [value] : null);
    return input.type === 'choice' && many !== null ? many.filter((each) => canChoose(input, each)) : many;
  }
  switch (input.type) {
    case 'file':
      return isFile(value) ? value : null;
    case 'json':
      return JSON.stringify(value, null, 2);
    case 'duration':
      return typeof value === 'number' ? writeDuration(value) : String(value);
    case 'choice':
      return canChoose(input, String(value)) ? String(value) : null;
    default:
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}

/** Options that are fetched, or typed, are not known here. */
function canChoose(input: Input & { type: 'choice' }, value: string): boolean {
  return (
    input.free === true || (input.from !== undefined && input.from !== null) || (input.options ?? []).includes(value)
  );
}

/** The values to begin with: of an earlier run if there is one, else the defaults. */
export function firstValues(inputs: Input[], earlier?: Record<string, InputValue>): FormValues {
  const values: FormValues = {};
  for (const input of inputs) {
    values[input.name] = toGiven(input, earlier === undefined ? input.default : earlier[input.name]);
  }
  return values;
}

/**
 * What a field gives when this stands in it. An emptied field gives nothing, so that a step finds its variable unset; but a text
 * with a default gives the empty text, since giving nothing would bring the default back.
 */
export function typed(input: Input, text: string): Given {
  const isText = input.type === 'string' || input.type === 'text';
  return text === '' && !(isText && hasDefault(input)) ? null : text;
}

/** What stands in a field and cannot be read as its type: nobody can say what an expression sees. */
const DOUBTFUL = Symbol('doubtful');

function readNumber(text: string): unknown {
  return Number.isNaN(Number(text)) ? DOUBTFUL : Number(text);
}

/** What an expression sees of a field: a value of the input's type, nothing if there is none. */
function seen(input: Input, given: Given, computed: Computed): unknown {
  if (isEmpty(given) && given !== '') {
    return input.default_from ? computed[input.default_from] : (input.default ?? undefined);
  }
  if (typeof given !== 'string') {
    return given ?? undefined;
  }
  const text = given.trim();
  switch (input.type) {
    case 'secret':
      return undefined;
    case 'boolean':
      return given === 'true';
    case 'integer':
    case 'number':
      return readNumber(text);
    case 'percentage':
      return readNumber(text.replace(/%$/, ''));
    case 'duration':
      return parseDuration(text) ?? DOUBTFUL;
    case 'json':
      try {
        return JSON.parse(given) as unknown;
      } catch {
        return DOUBTFUL;
      }
    default:
      return given;
  }
}

/** What the server will fill in where nothing is given. */
export interface Computed {
  today: string;
  now: string;
  caller: string;
}

export function computedAt(now: Date, caller: string): Computed {
  return { today: now.toISOString().slice(0, 10), now: `${now.toISOString().slice(0, 19)}Z`, caller };
}

/** Is a field asked for? `unsure`: only the server can tell. */
export type Shown = 'yes' | 'no' | 'unsure';

/** Which fields are asked for, in their order: a condition speaks of the inputs before it, and of what is not asked for nothing is given. */
export function shownFields(inputs: Input[], values: FormValues, computed: Computed): Map<string, Shown> {
  const shown = new Map<string, Shown>();
  const scope: Scope = {};
  for (const input of inputs) {
    const answer = input.show_if ? holds(input.show_if, scope) : true;
    const is = answer === null ? 'unsure' : answer ? 'yes' : 'no';
    shown.set(input.name, is);
    // Of a field that may not be asked for nobody can say here what an expression sees.
    const value =
      is === 'no' ? undefined : is === 'unsure' ? DOUBTFUL : seen(input, values[input.name] ?? null, computed);
    if (value !== DOUBTFUL) {
      scope[input.name] = value;
    }
  }
  return shown;
}

/** The inputs to send: of those asked for, what is given. */
export function toInputs(inputs: Input[], values: FormValues): Record<string, unknown> {
  const sent: Record<string, unknown> = {};
  for (const input of inputs) {
    const given = values[input.name] ?? null;
    if (given === null) {
      continue;
    }
    if (typeof given !== 'string') {
      // A list without items is given only where it takes the place of a default.
      if (!Array.isArray(given) || given.length > 0 || hasDefault(input)) {
        sent[input.name] = given;
      }
    } else if (input.type === 'boolean') {
      sent[input.name] = given === 'true';
    } else if (['string', 'text', 'choice', 'secret', 'json'].includes(input.type)) {
      sent[input.name] = given;
    } else {
      sent[input.name] = given.trim().replace(/^\+/, '');
    }
  }
  return sent;
}

/** The inputs that may be kept or passed on: never secrets, never files. */
export function openInputs(inputs: Input[]): Input[] {
  return inputs.filter(({ type }) => type !== 'secret' && type !== 'file');
}
