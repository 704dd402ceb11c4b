import { useState } from 'react';

/** A switch that this browser remembers. */
export function useSetting(key: string, first: boolean): [on: boolean, set: (on: boolean) => void] {
  const [on, setOn] = useState(() => {
    try {
      const value = window.localStorage.getItem(key);
      return value === null ? first : value === 'true';
    } catch {
      return first;
    }
  });
  const set = (next: boolean): void => {
    setOn(next);
    try {
      window.localStorage.setItem(key, String(next));
    } catch {
      // It holds for this page.
    }
  };
  return [on, set];
}
