import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LOOKS, PHONE, axe, enter, faultsOf, open, picture } from '../browser.js';
import { stage } from '../journey.js';

const runs = {};

const set = stage(async ({ box }) => {
  runs.failed = await box.start('fail', {}, 'OPS-12 disk full');
  runs.hostile = await box.start('hostile');
  runs.done = await box.start('count', { lines: 30, pause: '0' }, 'OPS-13 a look at the numbers');
  await Promise.all(Object.values(runs).map((run) => box.ended(run)));
  runs.live = await box.start('count', { lines: 3000, pause: '0.2' }, 'OPS-14 this one goes on');
  runs.rolled = await box.start('roll', { bad: 'web2' }, 'OPS-15 new certificates');
  await box.ended(runs.rolled);
  runs.manual = await box.start('checklist', {}, 'OPS-16 every morning');
  runs.gate = await box.start('gated', {}, 'OPS-17 it is full');
});

const PAGES = [
  ['sign-in', () => '/sign-in', { out: true }],
  ['runbooks', () => '/p/default/runbooks'],
  ['runbooks-none', () => '/p/default/runbooks?q=nothing'],
  ['runbook', () => '/p/default/runbooks/every-input'],
  ['runbook-again', () => `/p/default/runbooks/count?again=${runs.done}`],
  ['runbook-kinds', () => '/p/default/runbooks/every-kind'],
  ['runbook-targets', () => '/p/default/runbooks/roll'],
  ['runbook-steps', () => '/p/default/runbooks/roll?tab=steps'],
  ['runbook-document', () => '/p/default/runbooks/every-input?tab=document'],
  ['runbook-versions', () => '/p/default/runbooks/every-input?tab=versions'],
  ['runs', () => '/p/default/runs'],
  ['runs-failed', () => '/p/default/runs?state=failed,unknown'],
  ['run-live', () => `/p/default/runs/${runs.live}`],
  ['run-done', () => `/p/default/runs/${runs.done}`],
  ['run-failed', () => `/p/default/runs/${runs.failed}`],
  ['run-hostile', () => `/p/default/runs/${runs.hostile}`],
  ['run-targets', () => `/p/default/runs/${runs.rolled}?step=roll%5Bweb2%5D.restart`],
  ['run-manual', () => `/p/default/runs/${runs.manual}`, { quiet: true }],
  ['run-gate', () => `/p/default/runs/${runs.gate}`, { quiet: true }],
  ['run-missing', () => '/p/default/runs/0199a000-0000-7000-8000-000000000000'],
  ['project-missing', () => '/p/nowhere/runbooks'],
  ['inventories', () => '/p/default/inventories'],
  ['inventory', () => '/p/default/inventories/shop'],
  ['inventory-missing', () => '/p/default/inventories/nowhere'],
  ['tokens', () => '/tokens'],
  ['not-found', () => '/nowhere'],
];

for (const [words, options, look] of LOOKS) {
  test(`every page, ${words}, has no fault that axe-core finds`, async () => {
    const faults = [];
    const page = await open(set.browser, set.box.url, options);
    for (const [name, path, { out = false, quiet = false } = {}] of PAGES) {
      if (!out) {
        await enter(page, set.box.token);
      }
      await page.goto(path());
      await page.locator('h1').waitFor();
      if (name.startsWith('run-') && name !== 'run-missing' && !quiet) {
        await page.locator('.sb-log-stdout').first().waitFor();
      }
      await page.waitForTimeout(200);
      faults.push(...(await faultsOf(page, name, look)));
    }
    await page.context().close();
    assert.deepEqual(faults, []);
  });
}

test('dialogs and menus have no fault either, and the keyboard is enough', async () => {
  const page = await open(set.browser, set.box.url, { colorScheme: 'dark' });
  await enter(page, set.box.token);
  await page.goto(`/p/default/runs/${runs.live}`);
  await page.getByRole('button', { name: 'Cancel run' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await picture(page, 'dialog-cancel');
  const faults = await axe(page);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });

  await page.getByRole('button', { name: /^Signed in as/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Sign out' }).waitFor();
  faults.push(...(await axe(page)));
  await page.keyboard.press('Escape');

  await page.goto('/tokens');
  await page.getByRole('button', { name: 'New token' }).click();
  await page.getByRole('dialog').waitFor();
  await picture(page, 'dialog-token');
  faults.push(...(await axe(page)));
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('the theme follows the system until one chooses, and a phone’s navigation goes away by itself', async () => {
  const page = await open(set.browser, set.box.url, { colorScheme: 'dark', viewport: PHONE });
  await enter(page, set.box.token);
  await page.goto('/p/default/runbooks');
  const dark = () => page.evaluate(() => document.documentElement.classList.contains('pf-v6-theme-dark'));
  await page.getByRole('button', { name: 'Switch to light' }).waitFor();
  assert.equal(await dark(), true);
  await page.getByRole('button', { name: 'Switch to light' }).click();
  assert.equal(await dark(), false);
  await page.reload();
  await page.getByRole('button', { name: 'Switch to dark' }).click();
  assert.equal(await dark(), true);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForFunction(() => !document.documentElement.classList.contains('pf-v6-theme-dark'));

  await page.getByRole('button', { name: 'Show navigation' }).click();
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  await page.waitForURL(/\/runs$/);
  await page.getByRole('button', { name: 'Show navigation' }).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
