/** A line of a unified diff. */
export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  /** Its number in the older and in the newer text; `null` where it is not. */
  old: number | null;
  new: number | null;
  text: string;
  /** The last line, and the text does not end with a line's end. */
  open?: boolean;
}

export interface Hunk {
  /** Lines before it that are the same and not shown, in the newer text. */
  skipped: number;
  lines: DiffLine[];
}

const HEAD = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** Reads a unified diff of one file; what stands before the first hunk is its head. */
export function readDiff(text: string): Hunk[] {
  const hunks: Hunk[] = [];
  let old = 0;
  let next = 0;
  let seen = 1;
  for (const line of text.split('\n')) {
    const head = HEAD.exec(line);
    const hunk = hunks.at(-1);
    if (head !== null) {
      old = Number(head[1]);
      // A side without lines names the line before it.
      next = Number(head[3]) + (head[4] === '0' ? 1 : 0);
      old += head[2] === '0' ? 1 : 0;
      hunks.push({ skipped: Math.max(0, next - seen), lines: [] });
    } else if (hunk === undefined) {
      continue;
    } else if (line.startsWith('+')) {
      hunk.lines.push({ kind: 'added', old: null, new: next, text: line.slice(1) });
      next += 1;
    } else if (line.startsWith('-')) {
      hunk.lines.push({ kind: 'removed', old, new: null, text: line.slice(1) });
      old += 1;
    } else if (line.startsWith('\\')) {
      const last = hunk.lines.at(-1);
      if (last !== undefined) {
        last.open = true;
      }
    } else if (line.startsWith(' ')) {
      hunk.lines.push({ kind: 'same', old, new: next, text: line.slice(1) });
      old += 1;
      next += 1;
    }
    seen = next;
  }
  return hunks;
}

/** A row of two columns: what was, and what is. */
export interface Pair {
  old: DiffLine | null;
  new: DiffLine | null;
}

/** Side by side: what was removed stands beside what was added in its place. */
export function paired(lines: DiffLine[]): Pair[] {
  const pairs: Pair[] = [];
  let removed: DiffLine[] = [];
  let added: DiffLine[] = [];
  const flush = (): void => {
    for (let at = 0; at < Math.max(removed.length, added.length); at += 1) {
      pairs.push({ old: removed[at] ?? null, new: added[at] ?? null });
    }
    removed = [];
    added = [];
  };
  for (const line of lines) {
    if (line.kind === 'same') {
      flush();
      pairs.push({ old: line, new: line });
    } else if (line.kind === 'removed') {
      if (added.length > 0) {
        flush();
      }
      removed.push(line);
    } else {
      added.push(line);
    }
  }
  flush();
  return pairs;
}
