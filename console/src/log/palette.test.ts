import { expect, test } from 'vitest';

import css from './log.css?raw';

function colours(selector: string): Map<string, string> {
  const block = css.slice(css.indexOf(`${selector} {`));
  const body = block.slice(0, block.indexOf('}'));
  return new Map([...body.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((found) => [found[1] ?? '', found[2] ?? '']));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

test.each([[':root'], ['.pf-v6-theme-dark']])('every colour of the log can be read: %s', (selector) => {
  const all = colours(selector);
  const of = (name: string): string => all.get(name) ?? '#000000';
  const back = of('sb-log-back');
  for (const name of ['sb-log-text', 'sb-log-faint', 'sb-log-err', 'sb-log-note']) {
    expect(contrast(of(name), back), name).toBeGreaterThanOrEqual(4.5);
  }
  expect(contrast(of('sb-mark-text'), of('sb-mark-back'))).toBeGreaterThanOrEqual(4.5);
  for (let index = 0; index < 16; index += 1) {
    expect(all.has(`ansi-${index}`)).toBe(true);
    expect(contrast(of(`ansi-${index}`), back), `text ${index}`).toBeGreaterThanOrEqual(4.5);
    expect(contrast(of(`ansi-${index}`), of('ansi-back-text')), `background ${index}`).toBeGreaterThanOrEqual(4.5);
  }
});
