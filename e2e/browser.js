// Debian's Chromium, and what journeys do in it again and again.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const RESULTS = join(here, 'results');
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PATIENCE_MS = 15_000;

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const WIDE = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox', ...FLAGS] : FLAGS,
  });
}

/** A page of its own person; whatever the page itself finds wrong is kept in `page.faults`. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ baseURL: url, viewport: WIDE, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.base = url;
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  page.on('console', (message) => {
    // What the server refuses on purpose is reported by the browser too.
    if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text())) {
      page.faults.push(message.text());
    }
  });
  page.on('dialog', (dialog) => {
    page.faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const origin = new URL(request.url());
    if (origin.protocol !== 'data:' && origin.origin !== new URL(url).origin) {
      page.faults.push(`asked ${request.url()}`);
    }
  });
  return page;
}

export async function signIn(page, token, path = '/') {
  await page.goto(path);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: /^Signed in as/ }).waitFor();
}

/** Signs in without the sign-in page, for journeys about something else. */
export async function enter(page, token) {
  const answer = await page.request.post('/api/v1/session', { data: { token }, headers: { origin: page.base } });
  if (!answer.ok()) {
    throw new Error(`cannot sign in: ${answer.status()} ${await answer.text()}`);
  }
}

/** Wait until nothing fades in any more: a colour on its way is not one that anybody reads by. */
async function settled(page) {
  await page.waitForFunction(() => {
    const moving = document.getAnimations().some((animation) => {
      return animation.playState === 'running' && animation.effect?.getComputedTiming().endTime !== Infinity;
    });
    // Menus set their opacity themselves, first to nothing.
    const faded = [...document.querySelectorAll('[style*="opacity"]')];
    return !moving && faded.every((element) => getComputedStyle(element).opacity === '1');
  });
}

/**
 * What axe-core finds in the page, each as one line.
 *
 * Transitions are off while it looks: a button that is enabled again in that moment (a plan that
 * comes back) would else be measured in a colour between two.
 */
export async function axe(page) {
  await settled(page);
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(async (values) => {
    const still = new CSSStyleSheet();
    still.replaceSync('*, *::before, *::after { transition: none !important; }');
    document.adoptedStyleSheets.push(still);
    try {
      return await globalThis.axe.run(document, { runOnly: values });
    } finally {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== still);
    }
  }, RULES);
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help}: ${target.join(' ')}`));
}

/** Each width in each colour scheme: in words, as options of a page, and as a part of a picture's name. */
export const LOOKS = [
  ['wide', WIDE],
  ['phone', PHONE],
].flatMap(([size, viewport]) =>
  ['light', 'dark'].map((colorScheme) => [
    `${size} and ${colorScheme}`,
    { viewport, colorScheme },
    `${size}-${colorScheme}`,
  ]),
);

/** What is wrong with the page that is open, each as one line; a picture of it is kept. */
export async function faultsOf(page, name, look) {
  assert.match(await page.title(), /\S · Signalbox$/);
  await picture(page, `${name}-${look}`);
  const faults = [...(await axe(page)), ...page.faults.splice(0)];
  const spill = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (spill > 0) {
    faults.push(`${spill} pixels stick out at the side`);
  }
  return faults.map((fault) => `${name}: ${fault}`);
}

export async function picture(page, name) {
  await mkdir(RESULTS, { recursive: true });
  await page.screenshot({ path: join(RESULTS, `${name}.png`) });
}

/** Every line of the log that the page holds, by scrolling through it: `[number, text]`. */
export async function logLines(page) {
  const rows = await page.evaluate(async () => {
    const scroller = document.querySelector('.sb-log-window');
    const seen = new Map();
    const take = () => {
      for (const row of scroller.querySelectorAll('.sb-log-row[data-row]')) {
        const number = Number(row.querySelector('.sb-log-number').dataset.number);
        seen.set(Number(row.dataset.row), [number, row.querySelector('.sb-log-text').textContent]);
      }
    };
    const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    scroller.scrollTop = 0;
    await painted();
    take();
    while (scroller.scrollTop + scroller.clientHeight < scroller.scrollHeight - 1) {
      scroller.scrollTop += scroller.clientHeight;
      await painted();
      take();
    }
    return [...seen.entries()].sort(([a], [b]) => a - b).map(([, row]) => row);
  });
  // A very long line goes on in rows without a number.
  const lines = [];
  for (const [number, text] of rows) {
    if (number > 0) {
      lines.push([number, text]);
    } else {
      lines.at(-1)[1] += text;
    }
  }
  return lines;
}

/** The state that a run's page shows. */
export function runState(page) {
  return page.locator('.sb-head [data-state]');
}

export async function waitForState(page, state, ms = PATIENCE_MS) {
  await page.locator(`.sb-head [data-state="${state}"]`).waitFor({ timeout: ms });
}
