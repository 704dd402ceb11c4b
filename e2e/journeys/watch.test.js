import assert from 'node:assert/strict';
import { test } from 'node:test';

import { enter, logLines, open, waitForState } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();

async function openAs(token, path) {
  const page = await open(set.browser, set.box.url);
  await enter(page, token);
  await page.goto(path);
  return page;
}

test('a run is watched while it goes: states change and lines appear by themselves', async () => {
  const list = await openAs(set.box.token, '/p/default/runs');
  await list.getByText('Nothing has run yet').waitFor();
  const run = await set.box.start('count', { lines: 30, pause: '0.1' }, 'to be watched');
  await list.locator('.sb-runs-table [data-state="running"]').waitFor();
  await list.getByRole('link', { name: 'Count slowly' }).click();
  await list.waitForURL(`/p/default/runs/${run}`);

  await waitForState(list, 'running');
  assert.match(await list.title(), /^Count slowly: running/);
  await list.locator('.sb-steps [data-state="succeeded"]').getByText('ready').waitFor();
  await list.locator('.sb-steps [data-state="running"]').getByText('count').waitFor();
  await list.locator('.sb-log-text', { hasText: /^line 3$/ }).waitFor();
  assert.equal((await set.box.show(run)).state, 'running', 'lines are seen while it runs');
  await waitForState(list, 'succeeded');
  assert.match(await list.title(), /^Count slowly: succeeded/);
  await list.locator('.sb-steps .sb-values').getByText('places').waitFor();

  const lines = (await logLines(list)).map(([, text]) => text);
  assert.deepEqual(lines, ['made ready', ...Array.from({ length: 30 }, (_, at) => `line ${at + 1}`)]);

  await list.getByRole('button', { name: /^ready/ }).click();
  await list.waitForURL(/step=ready/);
  assert.deepEqual(
    (await logLines(list)).map(([, text]) => text),
    ['made ready'],
  );
  await list.getByRole('button', { name: 'Show all output' }).click();
  assert.equal((await logLines(list)).length, 31);
  assert.deepEqual(list.faults, []);
  await list.context().close();
});

test('two people see the same run, and each who asked for it', async () => {
  const anna = await set.box.person('anna');
  const run = await set.box.start('count', { lines: 25, pause: '0.1' });
  const path = `/p/default/runs/${run}`;
  const [one, two] = await Promise.all([openAs(set.box.token, path), openAs(anna, path)]);
  for (const page of [one, two]) {
    await waitForState(page, 'succeeded');
    await page.getByText('by admin').waitFor();
  }
  assert.deepEqual(await logLines(one), await logLines(two));
  assert.equal((await logLines(two)).length, 26);
  await two.getByRole('button', { name: /^Signed in as anna, member/ }).waitFor();
  assert.equal(await two.getByRole('link', { name: 'Tokens' }).count(), 0);
  await one.context().close();
  await two.context().close();
});

test('a run is canceled after asking once more', async () => {
  const anna = await set.box.person('berta');
  const run = await set.box.start('count', { lines: 600, pause: '0.1' });
  const page = await openAs(anna, `/p/default/runs/${run}`);
  await page.locator('.sb-log-text', { hasText: /^line 2$/ }).waitFor();
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByText('count', { exact: true }).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Let it go on' }).click();
  assert.equal((await set.box.show(run)).state, 'running');

  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click();
  await waitForState(page, 'canceled', 30_000);
  await page.locator('.sb-outcome').getByText('berta').waitFor();
  await page.locator('.sb-steps [data-state="canceled"]').getByText('count').waitFor();
  assert.equal((await set.box.ended(run)).state, 'canceled');
  assert.equal(await page.getByRole('button', { name: 'Cancel run' }).count(), 0);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a failed run says which step, why, and what was not begun', async () => {
  const run = await set.box.start('fail');
  await set.box.ended(run);
  const page = await openAs(set.box.token, `/p/default/runs/${run}`);
  await waitForState(page, 'failed');
  const outcome = await page.locator('.sb-outcome').innerText();
  assert.match(outcome, /break_it/);
  assert.match(outcome, /3/);
  await page.locator('.sb-steps [data-state="failed"]').getByText('exit 3').waitFor();
  await page.locator('.sb-steps [data-state="skipped"]').getByText('never').waitFor();
  await page.locator('.sb-log-stderr', { hasText: 'disk is full' }).waitFor();
  await page.goto('/p/default/runs?state=failed');
  await page.locator('.sb-runs-table').getByRole('link', { name: 'Fail in the middle' }).waitFor();
  await page.getByRole('button', { name: 'succeeded' }).click();
  await page.waitForURL(/state=succeeded%2Cfailed/);
  await page.locator('.sb-runs-table [data-state="succeeded"]').first().waitFor();
  await page.getByLabel('Runbook', { exact: true }).selectOption('fail');
  await page.locator('.sb-runs-table tbody tr').first().waitFor();
  assert.equal(await page.locator('.sb-runs-table [data-state="succeeded"]').count(), 0);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
