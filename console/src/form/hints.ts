import type { Input } from '../api/shapes';
import { bytes } from '../show/time';
import { writeDuration } from './duration';
import type { Computed } from './values';

function range(min: string | null, max: string | null, unit = ''): string | null {
  if (min !== null && max !== null) {
    return `${min} to ${max}${unit}`;
  }
  return min !== null ? `at least ${min}${unit}` : max !== null ? `at most ${max}${unit}` : null;
}

function text(value: number | null | undefined): string | null {
  return value === undefined || value === null ? null : String(value);
}

function limits(input: Input): string | null {
  switch (input.type) {
    case 'string':
      return [
        range(text(input.min_length), text(input.max_length), ' characters'),
        input.pattern && `pattern ${input.pattern}`,
      ]
        .filter(Boolean)
        .join(', ');
    case 'text':
      return range(text(input.min_length), text(input.max_length), ' characters');
    case 'integer':
      return range(text(input.min), text(input.max));
    case 'number':
      return range(text(input.min), text(input.max));
    case 'duration':
      return range(
        input.min_s === undefined || input.min_s === null ? null : writeDuration(input.min_s),
        input.max_s === undefined || input.max_s === null ? null : writeDuration(input.max_s),
      );
    case 'list':
      return range(text(input.min_items), text(input.max_items), ' items');
    case 'file':
      return input.max_bytes ? `at most ${bytes(input.max_bytes)}` : null;
    case 'secret':
      return 'never shown again, in no link and no preset';
    default:
      return null;
  }
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

/** What a field takes, and what stands in if nothing is given, in few words. */
export function hintsOf(input: Input, computed: Computed, empty: boolean): string {
  const said: string[] = [];
  const most = limits(input);
  if (most) {
    said.push(sentence(most));
  }
  if (empty && input.default_from) {
    const meaning = { today: 'the day in UTC', now: 'the moment in UTC', caller: 'your name' }[input.default_from];
    said.push(`If left empty: ${meaning}, ${computed[input.default_from]}.`);
  }
  return said.join(' ');
}
