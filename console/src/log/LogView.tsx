import { useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';

import type { LogLine } from './buffer';
import type { LiveLog } from './LiveLog';
import './log.css';
import { LogNotice } from './LogNotice';
import { LogRow } from './LogRow';
import { LogToolbar } from './LogToolbar';
import { heights, lineAt, span } from './rows';
import { matchingLines } from './search';
import { PROBE, useGrid } from './useGrid';
import { useSetting } from './useSetting';

const MARGIN_ROWS = 20;

interface LogViewProps {
  log: LiveLog;
  /** Only the rows of this step, and of the steps in it. */
  step: string | null;
  /** Only those of this attempt. */
  attempt?: number | null;
  /** The whole log as text. */
  raw: string;
  /** May more come? */
  live: boolean;
  /** What to say while there is nothing. */
  empty: string;
}

/** Is a line of a step, or of one that is in it: the addresses of those begin with its own? */
function isOf(line: LogLine, step: string, attempt: number | null): boolean {
  const within =
    line.step === step ||
    (line.step.startsWith(step) && (line.step[step.length] === '.' || line.step[step.length] === '['));
  return within && (attempt === null || line.step !== step || line.attempt === attempt);
}

/** How much of the list before went away at its beginning, in rows. */
function goneRows(before: { lines: LogLine[]; sums: Int32Array }, lines: LogLine[]): number {
  const first = lines[0]?.id;
  const old = before.lines[0]?.id;
  if (first === undefined || old === undefined || first <= old) {
    return 0;
  }
  let at = 0;
  while ((before.lines[at]?.id ?? first) < first) {
    at += 1;
  }
  return before.sums[at] ?? 0;
}

/** The log of a run: only the rows in the window are in the page, however many there are. */
export function LogView({ log, step, attempt = null, raw, live, empty }: LogViewProps) {
  const version = useSyncExternalStore(log.subscribe, log.version);
  const [wrap, setWrap] = useSetting('signalbox.log.wrap', true);
  const [times, setTimes] = useSetting('signalbox.log.times', false);
  const [follow, setFollow] = useState(true);
  const [query, setQuery] = useState('');
  const [current, setCurrent] = useState(0);
  const [top, setTop] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const lastTop = useRef(0);
  const grid = useGrid(scroller, probe);

  const lines = useMemo(
    () => {
      const all = log.buffer.lines;
      return step === null ? all.slice() : all.filter((line) => isOf(line, step, attempt));
    },
    // The buffer is the same object all along; its version says that it changed.
    // oxlint-disable-next-line react/exhaustive-deps
    [log, version, step, attempt],
  );
  const sums = useMemo(() => heights(lines, wrap ? grid.columns : null), [lines, wrap, grid.columns]);
  const widest = useMemo(
    () => (wrap ? 0 : lines.reduce((most, line) => Math.max(most, line.columns), 0)),
    [lines, wrap],
  );
  const found = useMemo(() => matchingLines(lines, query), [lines, query]);
  const total = sums[sums.length - 1] ?? 0;
  const { from, to } = span(sums, Math.floor(top / grid.row), Math.ceil(grid.height / grid.row), MARGIN_ROWS);
  const currentLine = lines[found[current] ?? -1]?.id;

  const before = useRef({ lines, sums, log, step, attempt });
  useLayoutEffect(() => {
    const window = scroller.current;
    const same = before.current.log === log && before.current.step === step && before.current.attempt === attempt;
    const gone = same ? goneRows(before.current, lines) : 0;
    before.current = { lines, sums, log, step, attempt };
    if (window === null) {
      return;
    }
    if (follow) {
      window.scrollTop = window.scrollHeight;
    } else if (gone > 0) {
      window.scrollTop -= gone * grid.row;
    }
    lastTop.current = window.scrollTop;
    setTop(window.scrollTop);
  }, [log, step, attempt, lines, sums, follow, grid]);

  const scrolled = (): void => {
    const window = scroller.current;
    if (window === null) {
      return;
    }
    const now = window.scrollTop;
    const atEnd = window.scrollHeight - now - window.clientHeight < grid.row;
    if (now < lastTop.current && !atEnd) {
      setFollow(false);
    } else if (now > lastTop.current && atEnd) {
      setFollow(true);
    }
    lastTop.current = now;
    setTop(now);
  };

  const showMatch = (place: number): void => {
    const line = found[place];
    const window = scroller.current;
    if (line === undefined || window === null) {
      return;
    }
    setCurrent(place);
    setFollow(false);
    window.scrollTop = Math.max(0, ((sums[line] ?? 0) - Math.floor(grid.height / grid.row / 3)) * grid.row);
  };

  // A new search begins at the first match that is on screen or below.
  const searched = useRef('');
  useEffect(() => {
    if (searched.current !== query) {
      searched.current = query;
      const here = lineAt(sums, Math.floor(top / grid.row));
      const next = found.findIndex((line) => line >= here);
      if (found.length > 0) {
        showMatch(next === -1 ? 0 : next);
      }
    }
  });

  return (
    <section className="sb-log" aria-label="Log" data-wrap={wrap} data-times={times}>
      <LogToolbar
        query={query}
        search={setQuery}
        found={found.length}
        current={found.length === 0 ? 0 : Math.min(current, found.length - 1) + 1}
        go={(by) => showMatch((current + by + found.length) % Math.max(found.length, 1))}
        follow={follow}
        setFollow={setFollow}
        live={live}
        wrap={wrap}
        setWrap={setWrap}
        times={times}
        setTimes={setTimes}
        raw={raw}
      />
      <LogNotice dropped={log.buffer.dropped} mayBeCut={log.mayBeCut} raw={raw} />
      {/* A window that scrolls must be reachable by keyboard. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div ref={scroller} className="sb-log-window" tabIndex={0} role="group" aria-label="Output" onScroll={scrolled}>
        <div className="sb-log-row sb-log-probe" aria-hidden="true">
          <span className="sb-log-number" />
          <span className="sb-log-at" />
          <span className="sb-log-mark" />
          <span className="sb-log-text" ref={probe}>
            <span>{PROBE}</span>
          </span>
        </div>
        {lines.length === 0 && <p className="sb-log-empty">{empty}</p>}
        <div className="sb-log-all" style={{ blockSize: total * grid.row, minInlineSize: `calc(${widest}ch + 14ch)` }}>
          <div className="sb-log-shown" style={{ transform: `translateY(${(sums[from] ?? 0) * grid.row}px)` }}>
            {lines.slice(from, to).map((line) => (
              <LogRow
                key={line.id}
                id={line.id}
                kind={line.kind}
                number={line.number}
                attempt={line.attempt}
                at={line.at}
                text={line.text}
                start={line.start}
                clean={line.clean}
                query={query}
                current={line.id === currentLine}
              />
            ))}
          </div>
        </div>
      </div>
    </section>
  );
}
