import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PHONE, axe, enter, logLines, open, picture, waitForState } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();

async function openAt(path, options = {}) {
  const page = await open(set.browser, set.box.url, options);
  await enter(page, set.box.token);
  await page.goto(path);
  return page;
}

test('an inventory is found, and its targets by their labels', async () => {
  const page = await openAt('/p/default/inventories');
  await page.getByRole('link', { name: 'The shop' }).click();
  await page.waitForURL('/p/default/inventories/shop');
  await page.getByRole('row', { name: /db1/ }).getByText('not said').waitFor();
  await page.getByRole('button', { name: 'role=web' }).first().click();
  await page.waitForURL(/q=role%3Dweb/);
  assert.equal(await page.locator('tbody tr').count(), 3);
  await page.getByLabel('Filter targets').fill('role=web region=us');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('the plan names the targets before anything moves', async () => {
  const page = await openAt('/p/default/runbooks/roll');
  const plan = page.getByRole('region', { name: 'What would run' });
  await plan.getByText('3 targets').first().waitFor();
  await plan.getByText('3 items').waitFor();
  await plan.getByText('false, skipped').waitFor();
  await page.locator('#input-items').fill('4');
  await page.keyboard.press('Tab');
  await plan.getByText('true', { exact: true }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a run over targets is a tree: counts, attempts, logs of each', async () => {
  const run = await set.box.start('roll', { bad: 'web2' });
  const page = await openAt(`/p/default/runs/${run}`);
  await waitForState(page, 'succeeded', 30_000);
  const roll = page.locator('.sb-steps > li[data-path="roll"]');
  await roll.getByRole('button', { name: '1 failed' }).click();
  await roll.locator('li[data-path="roll[web2]"]').waitFor();
  assert.equal(await roll.locator('li[data-path="roll[web1]"]').count(), 0, 'only what failed');
  await roll.getByRole('button', { name: '1 failed' }).click();
  await roll.locator('li[data-path="roll[web1]"]').waitFor();

  await page.goto(`/p/default/runs/${run}?step=${encodeURIComponent('roll[web2].restart')}`);
  const facts = page.getByRole('region', { name: 'Step roll[web2].restart' });
  await facts.getByText('exit 1').first().waitFor();
  await page.locator('.sb-log-row[data-row]').nth(1).waitFor();
  assert.equal((await logLines(page)).length, 2, 'one line of each attempt');
  await facts.getByRole('button', { name: 'Attempt 2' }).click();
  assert.equal((await logLines(page)).length, 1);
  await facts.getByRole('button', { name: 'Show all output' }).click();
  await page.waitForURL((url) => url.search === '');
  await picture(page, 'run-targets');
  assert.deepEqual(await axe(page), []);

  await page.setViewportSize(PHONE);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), 0);
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a run that waits for a lock says who has it', async () => {
  const first = await set.box.start('roll', { items: 4 });
  const second = await set.box.start('roll');
  const page = await openAt(`/p/default/runs/${second}`);
  await page.locator('.sb-outcome').getByText('Waits for').waitFor();
  await page
    .locator('.sb-outcome')
    .getByRole('link', { name: first.slice(-12) })
    .click();
  await page.waitForURL(`/p/default/runs/${first}`);
  await page.getByText('goes on in', { exact: false }).first().waitFor();
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click();
  await waitForState(page, 'canceled');
  await page.goto(`/p/default/runs/${second}`);
  await waitForState(page, 'succeeded', 30_000);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
