import { type RefObject, useLayoutEffect, useState } from 'react';

export interface Grid {
  /** Columns of text in a row. */
  columns: number;
  /** Pixels of a row. */
  row: number;
  /** Pixels of the window. */
  height: number;
}

const CHARACTERS = 100;

/** Measures the log's window in columns and rows by a row that nobody sees. */
export function useGrid(window: RefObject<HTMLElement | null>, probe: RefObject<HTMLElement | null>): Grid {
  const [grid, setGrid] = useState<Grid>({ columns: 80, row: 20, height: 600 });
  useLayoutEffect(() => {
    const scroller = window.current;
    const text = probe.current;
    if (scroller === null || text === null) {
      return undefined;
    }
    const measure = (): void => {
      const letters = text.firstElementChild;
      const width = (letters?.getBoundingClientRect().width ?? 0) / CHARACTERS;
      const row = letters?.parentElement?.parentElement?.getBoundingClientRect().height ?? 0;
      if (width > 0 && row > 0) {
        const columns = Math.max(8, Math.floor(text.clientWidth / width + 0.01));
        const height = scroller.clientHeight;
        setGrid((old) =>
          old.columns === columns && old.row === row && old.height === height ? old : { columns, row, height },
        );
      }
    };
    const observer = new ResizeObserver(measure);
    observer.observe(scroller);
    observer.observe(text);
    void document.fonts?.ready.then(measure);
    measure();
    return () => observer.disconnect();
  }, [window, probe]);
  return grid;
}

export const PROBE = 'M'.repeat(CHARACTERS);
