import { readable } from './ansi';
import type { LogLine } from './buffer';

export function searchPattern(query: string): RegExp | null {
  return query === '' ? null : new RegExp(query.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`), 'giu');
}

/** The places of the lines that hold the text somewhere. */
export function matchingLines(lines: LogLine[], query: string): number[] {
  const pattern = searchPattern(query);
  if (pattern === null) {
    return [];
  }
  const found: number[] = [];
  for (const [at, line] of lines.entries()) {
    pattern.lastIndex = 0;
    if (line.kind !== 'step' && pattern.test(line.clean ? line.text : readable(line.text))) {
      found.push(at);
    }
  }
  return found;
}
