import { pieces, visible } from './escape';

/**
 * What SGR sequences may do here: colours of our own palette and four attributes. Concealed and blinking text is not.
 * Colours are indices into the palette of sixteen, so that every text stays readable on its background.
 */
export interface Look {
  fg: number | null;
  bg: number | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
}

export interface Segment {
  text: string;
  look: Look;
  escape: boolean;
}

export const PLAIN: Look = Object.freeze({
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
});

// oxlint-disable-next-line no-control-regex
const SGR = /\u001b\[([0-9;:]{0,128})m/g;

/** The palette's place that is nearest to a colour: by hue if it has one, else by lightness. */
export function nearest(r: number, g: number, b: number): number {
  const high = Math.max(r, g, b);
  const low = Math.min(r, g, b);
  const bright = high > 191 ? 8 : 0;
  if (high - low < 40) {
    return high < 64 ? 0 : high < 144 ? 8 : high < 224 ? 7 : 15;
  }
  const middle = (high + low) / 2;
  return bright + (r > middle ? 1 : 0) + (g > middle ? 2 : 0) + (b > middle ? 4 : 0);
}

/** One colour of the 6x6x6 cube. */
function cubeLevel(part: number): number {
  return part === 0 ? 0 : 55 + part * 40;
}

function indexed(index: number): number {
  if (index < 16) {
    return index;
  }
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return nearest(grey, grey, grey);
  }
  const cube = index - 16;
  return nearest(cubeLevel(Math.floor(cube / 36)), cubeLevel(Math.floor(cube / 6) % 6), cubeLevel(cube % 6));
}

/** Reads `38;5;n`, `38;2;r;g;b` and their forms with colons; answers how many further codes it took. */
function extended(codes: number[], at: number): [color: number | null, taken: number] {
  const kind = codes[at + 1];
  if (kind === 5) {
    const index = codes[at + 2];
    return [index !== undefined && index <= 255 ? indexed(index) : null, 2];
  }
  if (kind === 2) {
    const [r, g, b] = codes.slice(at + 2, at + 5);
    return [r === undefined || g === undefined || b === undefined ? null : nearest(r, g, b), 4];
  }
  return [null, codes.length];
}

/** The look after one SGR sequence. */
export function applySgr(look: Look, parameters: string): Look {
  if (parameters === '' || parameters === '0') {
    return PLAIN;
  }
  const next = { ...look };
  const codes = parameters.replaceAll('::', ':').split(/[;:]/).map(Number);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) {
      Object.assign(next, PLAIN);
    } else if (code === 1) {
      next.bold = true;
    } else if (code === 2) {
      next.dim = true;
    } else if (code === 3) {
      next.italic = true;
    } else if (code === 4 || code === 21) {
      next.underline = true;
    } else if (code === 7) {
      next.inverse = true;
    } else if (code === 9) {
      next.strike = true;
    } else if (code === 22) {
      next.bold = false;
      next.dim = false;
    } else if (code === 23) {
      next.italic = false;
    } else if (code === 24) {
      next.underline = false;
    } else if (code === 27) {
      next.inverse = false;
    } else if (code === 29) {
      next.strike = false;
    } else if (code >= 30 && code <= 37) {
      next.fg = code - 30;
    } else if (code >= 90 && code <= 97) {
      next.fg = code - 82;
    } else if (code === 39) {
      next.fg = null;
    } else if (code >= 40 && code <= 47) {
      next.bg = code - 40;
    } else if (code >= 100 && code <= 107) {
      next.bg = code - 92;
    } else if (code === 49) {
      next.bg = null;
    } else if (code === 38 || code === 48) {
      const [color, taken] = extended(codes, at);
      next[code === 38 ? 'fg' : 'bg'] = color;
      at += taken;
    }
  }
  return next;
}

/** The look at the end of a text that begins with `start`. */
export function lookAfter(text: string, start: Look): Look {
  let look = start;
  if (text.includes('\u001b[')) {
    for (const match of text.matchAll(SGR)) {
      look = applySgr(look, match[1] ?? '');
    }
  }
  return look;
}

/** Text in segments of one look each; whatever is no SGR sequence and cannot be seen becomes a visible escape. */
export function segments(text: string, start: Look): Segment[] {
  const found: Segment[] = [];
  let look = start;
  let from = 0;
  const take = (part: string): void => {
    for (const piece of pieces(part)) {
      found.push({ ...piece, look });
    }
  };
  for (const match of text.matchAll(SGR)) {
    take(text.slice(from, match.index));
    look = applySgr(look, match[1] ?? '');
    from = match.index + match[0].length;
  }
  take(text.slice(from));
  return found;
}

/** What the eye reads: no SGR sequences, the rest as visible escapes. */
export function readable(text: string): string {
  return visible(text.replace(SGR, ''));
}

/** The classes that draw a look; none for a plain one. A background brings its own readable text colour. */
export function lookClass(look: Look): string | undefined {
  const fg = look.inverse ? null : look.fg;
  const bg = look.inverse ? (look.fg ?? 'inverse') : look.bg;
  const classes = [
    bg === null ? fg !== null && `ansi-fg-${fg}` : `ansi-bg-${bg}`,
    look.bold && 'ansi-bold',
    look.dim && bg === null && fg === null && 'ansi-dim',
    look.italic && 'ansi-italic',
    look.underline && 'ansi-underline',
    look.strike && 'ansi-strike',
  ].filter((name) => name !== false);
  return classes.length > 0 ? classes.join(' ') : undefined;
}
