/**
 * Characters that move, hide, reorder or overwrite text instead of showing something: controls (C0 but tab, DEL, C1), bidirectional
 * controls, zero-width characters but the joiners that emoji need, line separators, tags.
 */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

export interface Piece {
  text: string;
  /** Does it stand for a character that cannot be seen? */
  escape: boolean;
}

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\v': '\\v', '\0': '\\0' };

/** A character as people write it in a string literal. */
export function escapeOf(char: string): string {
  const short = SHORT[char];
  if (short !== undefined) {
    return short;
  }
  const code = char.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

// A pattern that finds all remembers where it stopped; this one must not.
const ANY_UNSEEN = new RegExp(UNSEEN.source, 'u');

export function hasUnseen(text: string): boolean {
  return ANY_UNSEEN.test(text);
}

/** Text in pieces, with every unseen character as a visible escape. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    if (match.index > from) {
      found.push({ text: text.slice(from, match.index), escape: false });
    }
    const escape = escapeOf(match[0]);
    const last = found.at(-1);
    if (last?.escape) {
      last.text += escape;
    } else {
      found.push({ text: escape, escape: true });
    }
    from = match.index + match[0].length;
  }
  if (from < text.length) {
    found.push({ text: text.slice(from), escape: false });
  }
  return found;
}

/** Text with every unseen character as a visible escape. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escapeOf);
}
