import type { OutputChunk, OutputStream } from '../api/shapes';
import { type Look, PLAIN, lookAfter, readable } from './ansi';
import { hasUnseen } from './escape';

/** Lines held in memory; older ones are in the raw log only. */
export const MOST_LINES = 50_000;
/** Characters held in memory, in all lines together. */
export const MOST_CHARACTERS = 20_000_000;
/** A longer line goes on in the next row. */
export const LONGEST_LINE = 8_192;

/** One row of the log. */
export interface LogLine {
  /** From 0, over everything received; never used again. */
  id: number;
  /** From 1; 0 for a row that is no line: the head of a step, or the rest of a long line. */
  number: number;
  kind: OutputStream | 'step';
  step: string;
  attempt: number;
  at: string;
  /** As written, without the line's end. */
  text: string;
  /** The colours that the lines before left on. */
  start: Look;
  /** How many columns it takes, about. */
  columns: number;
  /** Does nothing in it need care? Then it is drawn as it is. */
  clean: boolean;
}

interface Open {
  decoder: TextDecoder | null;
  line: LogLine | null;
  look: Look;
}

// oxlint-disable-next-line no-control-regex
const ASCII = /^[\u0020-\u007e]*$/;

function wideAt(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

/** Columns in a monospaced face; tabs go to the next eighth. */
export function columnsOf(text: string): number {
  if (ASCII.test(text)) {
    return text.length;
  }
  let columns = 0;
  for (const char of readable(text)) {
    const code = char.codePointAt(0) ?? 0;
    columns += char === '\t' ? 8 - (columns % 8) : wideAt(code) ? 2 : 1;
  }
  return columns;
}

/** Where to cut a text that is too long, without cutting a character in two. */
function cutAt(text: string, most: number): number {
  const code = text.charCodeAt(most - 1);
  return code >= 0xd800 && code <= 0xdbff ? most - 1 : most;
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

const encoder = new TextEncoder();

/**
 * The output of a run as rows, put together from pieces that may be cut anywhere: each stream of each attempt is decoded as a
 * whole, and its unfinished line is shown as far as it goes. Rows stand in the order in which they began.
 */
export class LogBuffer {
  lines: LogLine[] = [];
  /** Lines that were let go to stay within bounds. */
  dropped = 0;
  /** Characters received. */
  received = 0;
  readonly #most: { lines: number; characters: number };
  #held = 0;
  #nextId = 0;
  #nextNumber = 1;
  #open = new Map<string, Open>();
  #head = '';

  constructor(most = { lines: MOST_LINES, characters: MOST_CHARACTERS }) {
    this.#most = most;
  }

  append(chunk: OutputChunk): void {
    const key = `${chunk.step}\n${chunk.attempt}\n${chunk.stream}`;
    const open = this.#open.get(key) ?? { decoder: null, line: null, look: PLAIN };
    this.#open.set(key, open);
    const text = decode(open, chunk);
    this.received += text.length;
    if (text.length > 0) {
      this.#headFor(chunk);
      this.#write(chunk, open, text);
      this.#trim();
    }
  }

  /** Nothing more comes: half characters at the ends are shown as such. */
  end(): void {
    for (const [key, open] of this.#open) {
      const rest = open.decoder?.decode() ?? '';
      if (rest.length > 0) {
        const [step = '', attempt, stream] = key.split('\n');
        const at = open.line?.at ?? new Date().toISOString();
        this.#write({ step, attempt: Number(attempt), stream: stream as OutputStream, at }, open, rest);
      }
    }
    this.#open.clear();
  }

  #headFor(chunk: OutputChunk): void {
    const head = `${chunk.step}\n${chunk.attempt}`;
    if (head !== this.#head) {
      this.#head = head;
      this.#push({ ...chunk, kind: 'step', number: 0, text: chunk.step, start: PLAIN });
    }
  }

  #push(line: Pick<LogLine, 'kind' | 'number' | 'step' | 'attempt' | 'at' | 'text' | 'start'>): LogLine {
    const { kind, number, step, attempt, at, start } = line;
    const full: LogLine = {
      id: this.#nextId,
      kind,
      number,
      step,
      attempt,
      at,
      text: '',
      start,
      columns: 0,
      clean: true,
    };
    this.#nextId += 1;
    this.lines.push(full);
    this.#extend(full, line.text);
    return full;
  }

  #extend(line: LogLine, more: string): void {
    line.text += more;
    line.columns = columnsOf(line.text);
    line.clean = line.start === PLAIN && !hasUnseen(line.text);
    this.#held += more.length;
  }

  #write(chunk: OutputChunk, open: Open, text: string): void {
    let from = 0;
    while (from < text.length) {
      const newline = text.indexOf('\n', from);
      const end = newline === -1 ? text.length : newline;
      this.#writePart(chunk, open, text.slice(from, end));
      if (newline === -1) {
        return;
      }
      open.line = null;
      from = newline + 1;
    }
  }

  /** A part of one line, without its end. */
  #writePart(chunk: OutputChunk, open: Open, part: string): void {
    let rest = part;
    do {
      let line = open.line;
      if (line === null || LONGEST_LINE - line.text.length < 2) {
        const number = line === null ? this.#nextNumber : 0;
        this.#nextNumber += line === null ? 1 : 0;
        line = this.#push({ ...chunk, kind: chunk.stream, number, text: '', start: open.look });
        open.line = line;
      }
      const room = LONGEST_LINE - line.text.length;
      const taken = rest.length <= room ? rest : rest.slice(0, cutAt(rest, room));
      this.#extend(line, taken);
      // From the line's beginning, since a sequence may have been cut between two pieces.
      open.look = lookAfter(line.text, line.start);
      rest = rest.slice(taken.length);
    } while (rest.length > 0);
  }

  #trim(): void {
    const { lines, characters } = this.#most;
    const slack = Math.ceil(lines / 10);
    if (this.lines.length <= lines + slack && this.#held <= characters) {
      return;
    }
    let gone = 0;
    while (this.lines.length - gone > lines || this.#held > characters * 0.9) {
      const line = this.lines[gone];
      if (line === undefined || gone === this.lines.length - 1) {
        break;
      }
      this.#held -= line.text.length;
      this.dropped += line.number > 0 ? 1 : 0;
      gone += 1;
    }
    this.lines = this.lines.slice(gone);
  }
}

function decode(open: Open, chunk: OutputChunk): string {
  if (chunk.bytes_base64 !== undefined && chunk.bytes_base64 !== null) {
    open.decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
    return open.decoder.decode(bytesOf(chunk.bytes_base64), { stream: true });
  }
  const text = chunk.text ?? '';
  // After bytes the decoder may hold half a character.
  return open.decoder === null ? text : open.decoder.decode(encoder.encode(text), { stream: true });
}
