import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { PHONE, axe, enter, open, picture } from '../browser.js';
import { stage } from '../journey.js';

const VERSIONS = [
  ['First title', 'echo one\necho same'],
  ['Second title', 'echo two\necho same'],
];

const set = stage(async ({ box }) => {
  const folder = join(box.dir, 'versions');
  await mkdir(folder);
  for (const [title, script] of VERSIONS) {
    const lines = script.split('\n').map((line) => `      ${line}`);
    const text = [
      'kind: Runbook',
      'name: changing',
      `title: ${title}`,
      'steps:',
      '  - name: say',
      '    run: |',
      ...lines,
    ];
    await writeFile(join(folder, 'changing.yaml'), `${text.join('\n')}\n`);
    await box.cli('apply', folder);
  }
});

async function openVersions(options = {}) {
  const page = await open(set.browser, set.box.url, options);
  await enter(page, set.box.token);
  await page.goto('/p/default/runbooks/changing?tab=versions');
  await page.locator('.sb-diff').waitFor();
  return page;
}

test('two versions are read side by side, and an earlier one comes back', async () => {
  const page = await openVersions();
  await page.getByRole('heading', { name: 'Second title', level: 1 }).waitFor();
  const removed = page.locator('td[data-kind="removed"]', { hasText: 'First title' });
  const added = page.locator('td[data-kind="added"]', { hasText: 'Second title' });
  await removed.waitFor();
  assert.match(await removed.innerText(), /−/);
  assert.match(await added.innerText(), /\+/);
  const [left, right] = [await removed.boundingBox(), await added.boundingBox()];
  assert.ok(left.x + left.width <= right.x + 1 && Math.abs(left.y - right.y) < 2, 'they stand side by side');
  await page.getByRole('button', { name: 'One column' }).click();
  const [before, after] = [await removed.boundingBox(), await added.boundingBox()];
  assert.ok(before.y < after.y, 'one above the other');
  assert.deepEqual(await axe(page), []);
  await picture(page, 'versions-diff');

  await page.getByRole('button', { name: /^Roll back to/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('changing.yaml').waitFor();
  await dialog.getByRole('button', { name: 'Keep the current one' }).click();
  await page.getByRole('button', { name: /^Roll back to/ }).click();
  await dialog.getByRole('button', { name: 'Roll back' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: 'First title', level: 1 }).waitFor();
  const run = await set.box.start('changing');
  assert.equal((await set.box.ended(run)).title, 'First title');
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('on a phone the differences stand in one column', async () => {
  const page = await openVersions({ viewport: PHONE });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), 0);
  assert.equal(await page.locator('.sb-diff-sides').count(), 0);
  assert.deepEqual(await axe(page), []);
  await page.context().close();
});
