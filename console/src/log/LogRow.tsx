import { memo } from 'react';

import { clockTime } from '../show/time';
import { type Look, PLAIN, type Segment, lookClass, segments } from './ansi';
import { searchPattern } from './search';

interface Drawn extends Segment {
  marked: boolean;
}

/** Cuts the segments where a found text begins and ends; it may lie across several looks. */
export function markFound(parts: Segment[], query: string): Drawn[] {
  const pattern = searchPattern(query);
  if (pattern === null) {
    return parts.map((part) => ({ ...part, marked: false }));
  }
  const ranges = [
    ...parts
      .map(({ text }) => text)
      .join('')
      .matchAll(pattern),
  ].map((match) => [match.index, match.index + match[0].length] as const);
  const drawn: Drawn[] = [];
  let at = 0;
  let next = 0;
  for (const part of parts) {
    const end = at + part.text.length;
    let from = at;
    while (from < end) {
      while ((ranges[next]?.[1] ?? Infinity) <= from) {
        next += 1;
      }
      const [begins, ends] = ranges[next] ?? [Infinity, Infinity];
      const marked = begins <= from;
      const to = Math.min(end, marked ? ends : begins);
      drawn.push({ ...part, text: part.text.slice(from - at, to - at), marked });
      from = to;
    }
    at = end;
  }
  return drawn;
}

function classesOf(part: Drawn): string | undefined {
  const look = lookClass(part.look);
  return part.escape ? `sb-escape${look === undefined ? '' : ` ${look}`}` : look;
}

export interface LogRowProps {
  id: number;
  kind: 'stdout' | 'stderr' | 'note' | 'step';
  number: number;
  attempt: number;
  at: string;
  text: string;
  start: Look;
  clean: boolean;
  query: string;
  current: boolean;
}

function Text({ text, start, clean, query }: Pick<LogRowProps, 'text' | 'start' | 'clean' | 'query'>) {
  if (clean && query === '') {
    return text;
  }
  const parts = clean ? [{ text, look: PLAIN, escape: false }] : segments(text, start);
  return markFound(parts, query).map((part, place) => {
    const key = `${place}`;
    return part.marked ? (
      <mark key={key} className={classesOf(part)}>
        {part.text}
      </mark>
    ) : (
      <span key={key} className={classesOf(part)}>
        {part.text}
      </span>
    );
  });
}

const MARKS = { stdout: '', stderr: 'err', note: 'note', step: '' };

/** One row: number, time and stream stand outside the text, where no output can forge them. */
export const LogRow = memo(function LogRow({
  id,
  kind,
  number,
  attempt,
  at,
  text,
  start,
  clean,
  query,
  current,
}: LogRowProps) {
  if (kind === 'step') {
    return (
      <div className="sb-log-row sb-log-step">
        <span className="sb-log-number" />
        <span className="sb-log-at" data-at={clockTime(at)} />
        <span className="sb-log-mark" />
        <span className="sb-log-text">
          {text}
          {attempt > 1 && ` · attempt ${attempt}`}
        </span>
      </div>
    );
  }
  return (
    <div className={`sb-log-row sb-log-${kind}`} data-row={id} data-current={current || undefined}>
      <span className="sb-log-number" data-number={number > 0 ? number : '·'} />
      <span className="sb-log-at" data-at={clockTime(at)} />
      <span className="sb-log-mark" data-mark={MARKS[kind]} />
      <span className="sb-log-text">
        <Text text={text} start={start} clean={clean} query={query} />
      </span>
    </div>
  );
});
