import { Button } from '@patternfly/react-core';
import { type ReactNode, useEffect, useRef, useState } from 'react';

/** The first of a long list, and a button for more of it; at the end of a page, more comes by itself when one gets there. */
export function useMore<T>(items: T[], piece: number, { byItself = false } = {}): { shown: T[]; more: ReactNode } {
  const [most, setMost] = useState(piece);
  const end = useRef<HTMLDivElement>(null);
  const left = items.length - most;
  useEffect(() => {
    const reached = end.current;
    if (!byItself || reached === null || left <= 0) {
      return undefined;
    }
    const observer = new IntersectionObserver((entries) => {
      if (entries.some(({ isIntersecting }) => isIntersecting)) {
        setMost((old) => old + piece);
      }
    });
    observer.observe(reached);
    return () => observer.disconnect();
    // Anew after each piece: the end may still be in sight.
  }, [byItself, left, piece]);
  const more = left > 0 && (
    <div className="sb-more" ref={end}>
      <Button variant="secondary" size="sm" onClick={() => setMost(most + piece)}>
        Show {Math.min(piece, left).toLocaleString('en')} more of {items.length.toLocaleString('en')}
      </Button>
    </div>
  );
  return { shown: items.slice(0, most), more };
}
