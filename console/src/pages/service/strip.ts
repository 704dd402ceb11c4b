import type { UptimeDay, UptimeStrip } from '../../api/shapes';

/** A part of a day's bar, in shares of the strip's height from its top. */
export interface Part {
  kind: 'good' | 'bad' | 'blind';
  top: number;
  height: number;
}

/** As high as a bar is without anything bad in it: what was bad sticks out, so that it is seen without colours. */
const CALM = 0.62;
/** The least that anything bad, or anything that could not tell, is seen by. */
const LEAST = 0.22;

function at(share: number, least: number): number {
  return share === 0 ? 0 : Math.max(least, share);
}

/** The bar of a day: what was bad above, then what was good, and beneath what could not tell; hatched whole if nobody could. */
export function barOf({ good, bad, no_sample: blind }: UptimeDay): Part[] {
  const all = good + bad + blind;
  if (good + bad === 0) {
    return [{ kind: 'blind', top: 1 - CALM, height: CALM }];
  }
  const whole = bad > 0 ? 1 : CALM;
  const badPart = good + blind === 0 ? whole : Math.min(at(bad / all, LEAST), 1 - LEAST) * whole;
  const blindPart = Math.min(at(blind / all, LEAST) * whole, whole - badPart);
  const goodPart = whole - badPart - blindPart;
  const parts: Part[] = [
    { kind: 'bad', top: 1 - whole, height: badPart },
    { kind: 'good', top: 1 - whole + badPart, height: goodPart },
    { kind: 'blind', top: 1 - blindPart, height: blindPart },
  ];
  return parts.filter(({ height }) => height > 0);
}

/** Of a whole, in percent: cut and not rounded, so that only all of it is 100 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0) {
    return '–';
  }
  const hundredths = Number((BigInt(part) * 10_000n) / BigInt(whole));
  return part === whole ? '100 %' : `${(hundredths / 100).toFixed(2)} %`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

/** A day in words and numbers. */
export function dayInWords({ day, good, bad, no_sample: blind }: UptimeDay): string {
  const missing = blind > 0 ? `, ${count(blind)} that could not tell` : '';
  return good + bad === 0
    ? `${day}: no data${missing}`
    : `${day}: ${percent(good, good + bad)} good, ${count(good)} of ${count(good + bad)}${missing}`;
}

/** All days together, and how many of them have data. */
export function totalOf({ days }: UptimeStrip): { good: number; bad: number; withData: number } {
  const sum = { good: 0, bad: 0, withData: 0 };
  for (const { good, bad } of days) {
    sum.good += good;
    sum.bad += bad;
    sum.withData += good + bad > 0 ? 1 : 0;
  }
  return sum;
}
