import { SearchInput } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { useSearchParams } from 'react-router';

import { hasWords } from './words';

interface Named {
  name: string;
  title?: string | null;
}

interface Filtered<T> {
  /** What is looked for; it stands in the address. */
  text: string;
  /** What has all of its words, by title. */
  shown: T[];
  /** The field for it, once there is anything to look through. */
  field: ReactNode;
}

/** A list that one looks through by words: `words` are what they are looked for in. */
export function useFiltered<T extends Named>(
  items: T[] | undefined,
  words: (item: T) => (string | null | undefined)[],
  label: string,
): Filtered<T> {
  const [query, setQuery] = useSearchParams();
  const text = query.get('q') ?? '';
  const search = (value: string): void =>
    setQuery(
      (old) => {
        const next = new URLSearchParams(old);
        next.delete('q');
        if (value !== '') {
          next.set('q', value);
        }
        return next;
      },
      { replace: true },
    );
  const shown = (items ?? [])
    .filter((item) => hasWords(words(item), text))
    .toSorted((a, b) => (a.title ?? a.name).localeCompare(b.title ?? b.name));
  const field = items !== undefined && items.length > 0 && (
    <SearchInput
      className="sb-filter"
      aria-label={label}
      placeholder="Filter"
      value={text}
      onChange={(_event, value) => search(value)}
      onClear={() => search('')}
      resultsCount={text.trim() === '' ? undefined : shown.length}
    />
  );
  return { text, shown, field };
}
