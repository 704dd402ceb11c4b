import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { axe, enter, logLines, open, picture, waitForState } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();

async function openRun(run) {
  const page = await open(set.browser, set.box.url);
  await enter(page, set.box.token);
  await page.goto(`/p/default/runs/${run}`);
  return page;
}

test('a canceled run still cleans up, and a second cancel says what that means', async () => {
  const page = await openRun(await set.box.start('with-cleanup'));
  await page.locator('.sb-log-text', { hasText: /^working$/ }).waitFor();
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByText('the cleanup is still performed').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click();
  await page.locator('.sb-log-text', { hasText: /^undoing$/ }).waitFor({ timeout: 30_000 });
  await page.locator('.sb-run').getByText('Cleanup', { exact: true }).waitFor();

  await page.getByRole('button', { name: 'Cancel cleanup' }).click();
  await page.getByRole('dialog').getByText('look after it by hand').waitFor();
  await picture(page, 'dialog-cancel-cleanup');
  assert.deepEqual(await axe(page), []);
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel cleanup' }).click();
  await waitForState(page, 'canceled', 30_000);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a failed run is tried again from the step that failed, and the secret is asked for again', async () => {
  const flag = join(set.box.dir, 'mended');
  const page = await open(set.browser, set.box.url);
  await enter(page, set.box.token);
  await page.goto('/p/default/runbooks/recover');
  await page.locator('#input-flag').fill(flag);
  await page.locator('#input-password').fill('hunter2');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
  await waitForState(page, 'failed');
  const old = page.url().split('/').at(-1);

  await writeFile(flag, '');
  await page.getByRole('button', { name: 'Retry' }).click();
  const dialog = page.getByRole('dialog');
  assert.equal(await dialog.getByLabel('From').inputValue(), 'second', 'it offers to go on where it failed');
  await dialog.getByRole('button', { name: 'Run' }).click();
  await dialog.getByText('A value is needed').waitFor();
  assert.deepEqual(await axe(page), []);
  await picture(page, 'dialog-retry');
  await dialog.locator('input[type="password"]').fill('hunter2');
  await dialog.getByRole('button', { name: 'Run' }).click();
  await page.waitForURL((url) => /\/runs\/[0-9a-f-]{36}$/.test(url.pathname) && !url.pathname.endsWith(old));
  await waitForState(page, 'succeeded');
  await page.locator('.sb-steps [data-state="skipped"]').getByText('first').waitFor();
  assert.deepEqual(
    (await logLines(page)).map(([, text]) => text),
    ['number 7', 'third runs'],
  );
  await page.getByRole('link', { name: `run ${old.slice(-12)}` }).click();
  await page.waitForURL(`/p/default/runs/${old}`);
  await waitForState(page, 'failed');
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
