// Figures, the table that shows them, and the arithmetic of samples.

export function quantile(samples, q) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}

export const median = (samples) => quantile(samples, 0.5);

const WRITE = {
  ms: (v) => `${v.toFixed(v < 10 ? 2 : 1)} ms`,
  s: (v) => `${v.toFixed(2)} s`,
  MB: (v) => `${v.toFixed(1)} MB`,
  'MB/s': (v) => `${v.toFixed(0)} MB/s`,
  'steps/s': (v) => `${v.toFixed(0)} /s`,
  '': (v) => v.toFixed(2),
  '/s': (v) => `${v.toFixed(v < 10 ? 2 : 0)} /s`,
  count: (v) => String(v),
};

/**
 * One line of the table. `bare` is the baseline of the same run, `bareIs` says what it is. `compare` is `difference` or
 * `ratio`; the aim `{most}` or `{least}` is held against that if `compare` is given, else against the value itself.
 */
export function figure({ name, unit, value, bare = null, bareIs = '', compare = null, aim = null, samples = null }) {
  let compared = null;
  if (bare !== null && compare === 'difference') compared = value - bare;
  if (bare !== null && compare === 'ratio') compared = value / bare;
  let met = null;
  if (aim) {
    const held = compared ?? value;
    met = aim.most !== undefined ? held <= aim.most : held >= aim.least;
  }
  return { name, unit, value, bare, bareIs, compare, compared, aim, met, samples };
}

function comparedText({ compare, compared, unit }) {
  if (compared === null) return '';
  if (compare === 'ratio') return `x ${compared.toFixed(2)}`;
  return (compared < 0 ? '' : '+') + WRITE[unit](compared);
}

function aimText({ aim, compare, unit }) {
  if (!aim) return '';
  const bound = aim.most ?? aim.least;
  const sign = aim.most !== undefined ? '≤' : '≥';
  if (compare === 'ratio') return `${sign} x ${bound}`;
  return `${sign} ${compare === 'difference' ? '+' : ''}${bound}${unit === 'count' ? '' : ` ${unit}`}`;
}

export function table(figures) {
  const rows = [['figure', 'signalbox', 'bare', 'compared', 'aim', '', 'bare is']];
  for (const f of figures) {
    const mark = f.met === null ? '' : f.met ? 'ok' : 'SHORT';
    const bare = f.bare === null ? '' : WRITE[f.unit](f.bare);
    rows.push([f.name, WRITE[f.unit](f.value), bare, comparedText(f), aimText(f), mark, f.bareIs]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const left = new Set([0, 5, 6]);
  const line = (row) =>
    row.map((cell, i) => (left.has(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd();
  return [line(rows[0]), widths.map((w) => '-'.repeat(w)).join('  '), ...rows.slice(1).map(line)].join('\n');
}
