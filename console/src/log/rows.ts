import type { LogLine } from './buffer';

/** Which rows of a long list to draw, and where. Heights are in text rows. */
export interface Span {
  /** The first row drawn, and the one after the last. */
  from: number;
  to: number;
}

/** The sums of the heights before each line, and of all at the end. */
export function heights(lines: LogLine[], columns: number | null): Int32Array {
  const sums = new Int32Array(lines.length + 1);
  for (let at = 0; at < lines.length; at += 1) {
    const wide = lines[at]?.columns ?? 0;
    const rows = columns === null || wide <= columns ? 1 : Math.ceil(wide / columns);
    sums[at + 1] = (sums[at] ?? 0) + rows;
  }
  return sums;
}

/** The line in which a height lies. */
export function lineAt(sums: Int32Array, height: number): number {
  let low = 0;
  let high = Math.max(sums.length - 2, 0);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((sums[middle] ?? 0) <= height) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

export function span(sums: Int32Array, top: number, rows: number, margin: number): Span {
  const count = sums.length - 1;
  const from = lineAt(sums, Math.max(0, top - margin));
  const to = Math.min(count, lineAt(sums, top + rows + margin) + 1);
  return { from, to };
}
