import assert from 'node:assert/strict';
import { test } from 'node:test';

import { enter, logLines, open, waitForState } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();

async function watch(runbook, inputs) {
  const run = await set.box.start(runbook, inputs);
  const page = await open(set.browser, set.box.url);
  await enter(page, set.box.token);
  await page.goto(`/p/default/runs/${run}`);
  await waitForState(page, 'succeeded', 30_000);
  return [page, run];
}

test('hostile output is text, and does nothing', async () => {
  const [page] = await watch('hostile');
  await page.locator('.sb-log-text', { hasText: 'whole' }).waitFor();
  const lines = (await logLines(page)).map(([, text]) => text);
  assert.ok(lines.includes("<script>alert('output')</script><img src=x onerror=alert(1)>"));
  assert.ok(lines.includes('red green hidden'));
  assert.ok(lines.includes(String.raw`\x1b]52;c;c3RvbGVu\x07clipboard`));
  assert.ok(lines.includes(String.raw`\x1b]0;title\x07\x1b[2J\x1b[Hscreen`));
  assert.ok(lines.includes(String.raw`safe\rEVIL`));
  assert.ok(lines.includes(String.raw`left\u{202e}dloc\u{202c}right`));
  assert.ok(lines.includes('half � and �'));
  assert.ok(lines.includes('whole 😀 é'));
  assert.ok(lines.includes('to the error stream'));
  assert.equal(await page.locator('.sb-log-window').locator('script, img, a').count(), 0);
  assert.equal(await page.locator('.ansi-fg-1', { hasText: 'red' }).count(), 1);
  assert.equal(await page.locator('.ansi-bg-1', { hasText: 'hidden' }).count(), 1, 'red on red can be read');
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a hundred thousand lines stay quick: few rows in the page, search, follow, the newest held', async () => {
  const [page, run] = await watch('many-lines', { lines: 100_000 });
  await page.locator('.sb-log-text', { hasText: /^line 100000$/ }).waitFor({ timeout: 30_000 });
  assert.ok((await page.locator('.sb-log-row').count()) < 200, 'only what is in the window is in the page');
  const notice = await page.locator('.sb-log-notice').innerText();
  assert.match(notice, /whole log/i);

  // Letting go of the end and taking it up again.
  const follow = page.locator('.sb-log-toggles button').first();
  assert.equal(await follow.getAttribute('aria-pressed'), 'true');
  await page.locator('.sb-log-window').hover();
  await page.mouse.wheel(0, -4000);
  await page.waitForFunction(() => document.querySelector('.sb-log-toggles button').ariaPressed === 'false');
  await follow.click();
  await page.locator('.sb-log-text', { hasText: /^line 100000$/ }).waitFor();

  const begun = Date.now();
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('line 99123');
  await page.locator('.sb-log mark', { hasText: 'line 99123' }).waitFor();
  assert.ok(Date.now() - begun < 3000, `the search took ${Date.now() - begun} ms`);
  await page.getByText('1 of 1 lines').waitFor();

  const raw = await page.request.get(await page.getByRole('link', { name: 'Raw' }).getAttribute('href'));
  assert.match(raw.headers()['content-type'], /text\/plain/);
  const text = await raw.text();
  assert.equal(text.split('\n').length, 100_001);
  assert.equal((await set.box.show(run)).state, 'succeeded');
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
