import type { Input } from '../api/shapes';
import { type FormValues, type Given, firstValues, isEmpty, isMany, openInputs, typed } from './values';

/** Longest link that is offered: longer ones do not survive mail and chat. */
export const LONGEST = 4000;

function written(given: Given): string {
  return typeof given === 'string' ? given : JSON.stringify(given);
}

function same(one: Given, other: Given): boolean {
  return (isEmpty(one) && isEmpty(other)) || JSON.stringify(one) === JSON.stringify(other);
}

/** The query that fills a form: `i=NAME=VALUE` as on the command line. Secrets and files are never in it. */
export function toLink(inputs: Input[], values: FormValues, reason: string): URLSearchParams {
  const query = new URLSearchParams();
  const first = firstValues(inputs);
  for (const { name } of openInputs(inputs)) {
    const given = values[name] ?? null;
    if (given !== null && !same(given, first[name] ?? null)) {
      query.append('i', `${name}=${written(given)}`);
    }
  }
  if (reason.trim() !== '') {
    query.set('reason', reason.trim());
  }
  return query;
}

function read(input: Input, text: string): Given {
  if (!isMany(input)) {
    return typed(input, text);
  }
  try {
    const items: unknown = JSON.parse(text);
    if (Array.isArray(items)) {
      return items.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
    }
  } catch {
    // Written by hand: one item a line.
  }
  return text.split('\n').filter((line) => line !== '');
}

/** The values that an address gives; names that the runbook does not have are passed over. */
export function fromLink(inputs: Input[], query: URLSearchParams): FormValues {
  const values: FormValues = {};
  const open = new Map(openInputs(inputs).map((input) => [input.name, input]));
  for (const part of query.getAll('i')) {
    const at = part.indexOf('=');
    const input = at > 0 ? open.get(part.slice(0, at)) : undefined;
    if (input !== undefined) {
      values[input.name] = read(input, part.slice(at + 1));
    }
  }
  return values;
}
