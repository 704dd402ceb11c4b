import assert from 'node:assert/strict';
import { test } from 'node:test';

import { axe, enter, logLines, open, picture, waitForState } from '../browser.js';
import { stage } from '../journey.js';
import { Wire } from '../wire.js';

const set = stage();

const LINES = 120;

function expected(lines) {
  return ['made ready', ...Array.from({ length: lines }, (_, at) => `line ${at + 1}`)].map((text, at) => [
    at + 1,
    text,
  ]);
}

test('a lost connection is told quietly and taken up again with no gap and no doubled line', async () => {
  const wire = await Wire.to(set.box.port);
  const page = await open(set.browser, wire.url);
  await enter(page, set.box.token);
  const run = await set.box.start('count', { lines: LINES, pause: '0.1' });
  await page.goto(`/p/default/runs/${run}`);
  for (const [line, pause] of [
    [5, 200],
    [20, 3000],
    [60, 0],
  ]) {
    await page.locator('.sb-log-text', { hasText: new RegExp(`^line ${line}$`) }).waitFor();
    wire.cut();
    await page.waitForTimeout(pause);
    if (pause > 2000) {
      await page.getByText('Connection lost').waitFor();
    }
    wire.mend();
  }
  await waitForState(page, 'succeeded', 40_000);
  await page.getByText('Connection lost').waitFor({ state: 'detached' });
  assert.deepEqual(await logLines(page), expected(LINES));
  assert.deepEqual(page.faults, []);
  await page.context().close();
  await wire.close();
});

test('a list that lost its connection shows what happened meanwhile', async () => {
  const wire = await Wire.to(set.box.port);
  const page = await open(set.browser, wire.url);
  await enter(page, set.box.token);
  await page.goto('/p/default/runs');
  await page.locator('.sb-runs-table').waitFor();
  const before = await page.locator('.sb-runs-table tbody tr').count();
  wire.cut();
  const run = await set.box.start('fail');
  await set.box.ended(run);
  await page.getByText('Connection lost').waitFor();
  wire.mend();
  await page.locator('.sb-runs-table tbody tr [data-state="failed"]').waitFor();
  await page.getByText('Connection lost').waitFor({ state: 'detached' });
  assert.equal(await page.locator('.sb-runs-table tbody tr').count(), before + 1);
  await page.context().close();
  await wire.close();
});

test('a server that dies loses nothing: the run goes on without it, and the page catches up', async () => {
  const page = await open(set.browser, set.box.url);
  await enter(page, set.box.token);
  const run = await set.box.start('count', { lines: LINES, pause: '0.1' });
  await page.goto(`/p/default/runs/${run}`);
  await page.locator('.sb-log-text', { hasText: /^line 5$/ }).waitFor();
  await set.box.halt('SIGKILL');
  await page.getByText('Connection lost').waitFor();
  await set.box.serve();
  await waitForState(page, 'succeeded', 60_000);
  await page.getByText('Connection lost').waitFor({ state: 'detached' });
  assert.deepEqual(await logLines(page), expected(LINES), 'no gap, nothing doubled');
  await page.context().close();
});

test('an attempt whose end nobody can learn is told, and a person says how it ended', async () => {
  const run = await set.box.start('with-cleanup');
  const page = await open(set.browser, set.box.url);
  await enter(page, set.box.token);
  await page.goto(`/p/default/runs/${run}`);
  await page.locator('.sb-log-text', { hasText: /^working$/ }).waitFor();
  await set.box.halt('SIGKILL');
  await set.box.endShims();
  await set.box.serve();
  const form = page.getByRole('form', { name: 'How work ended' });
  await form.waitFor({ timeout: 60_000 });
  await waitForState(page, 'waiting');
  await picture(page, 'run-lost');
  assert.deepEqual(await axe(page), []);
  await form.getByRole('button', { name: 'Say so' }).click();
  await form.getByText('A reason is needed').waitFor();
  await form.getByLabel('It failed').check();
  await form.getByLabel('How do you know?').fill('nothing was changed');
  await form.getByRole('button', { name: 'Say so' }).click();
  await page.locator('.sb-log-text', { hasText: /^undoing$/ }).waitFor({ timeout: 30_000 });
  await page.locator('.sb-steps').first().getByText('resolved by admin').waitFor();
  await set.box.cli('runs', 'cancel', run);
  await waitForState(page, 'failed', 30_000);
  await page.context().close();
});
