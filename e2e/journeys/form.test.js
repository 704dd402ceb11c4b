import assert from 'node:assert/strict';
import { test } from 'node:test';

import { enter, logLines, open, waitForState } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();

async function openForm(path = '/p/default/runbooks/every-input') {
  const page = await open(set.browser, set.box.url);
  await enter(page, set.box.token);
  await page.goto(path);
  await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
  return page;
}

/** What the step printed, by input: the bytes that arrived, or null. */
async function arrived(page) {
  await waitForState(page, 'succeeded');
  const lines = await logLines(page);
  return Object.fromEntries(
    lines.map(([, text]) => {
      const [name, how, hex = ''] = text.split(' ');
      return [name.toLowerCase(), how === 'unset' ? null : Buffer.from(hex, 'hex').toString()];
    }),
  );
}

const HOSTILE = `'; rm -rf / #\n$(id) \`id\` "quoted" \\ %s {{ x }}\n\ttab \u202e turned 😀 é -rf --upload-pack=x`;

test('every kind of input arrives byte for byte, and what was not given is not set', async () => {
  const page = await openForm();
  assert.equal(await page.getByLabel('note', { exact: true }).inputValue(), 'first line\nsecond line');

  await page.getByRole('button', { name: 'Several lines for text' }).click();
  await page.locator('#input-text').fill(HOSTILE);
  await page.locator('#input-count').fill('-9007199254740991');
  await page.getByRole('switch', { name: 'dry' }).click({ force: true });
  await page.getByRole('radiogroup', { name: 'sure' }).getByLabel('No', { exact: true }).check();
  await page.locator('#input-region').selectOption('a b');
  await page.getByLabel('Reason').fill('OPS-7 <b>try</b> it');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
  assert.deepEqual(await arrived(page), {
    text: HOSTILE,
    note: 'first line\nsecond line',
    extra: null,
    count: '-9007199254740991',
    dry: 'false',
    sure: 'false',
    region: 'a b',
  });
  await page.getByText('OPS-7 <b>try</b> it').waitFor();
  await page.locator('.sb-values').getByText('-9007199254740991').waitFor();

  await page.getByRole('link', { name: 'Run with changes' }).click();
  await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
  assert.equal(await page.locator('#input-text').inputValue(), HOSTILE);
  assert.equal(await page.locator('#input-count').inputValue(), '-9007199254740991');
  assert.equal(await page.locator('#input-extra').inputValue(), '');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
  assert.equal((await arrived(page)).text, HOSTILE);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('lines that are pasted stay lines, and Shift+Enter makes one', async () => {
  const page = await openForm();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.evaluate(() => navigator.clipboard.writeText('two\nlines'));
  await page.locator('#input-text').focus();
  await page.keyboard.press('Control+V');
  assert.equal(await page.locator('textarea#input-text').inputValue(), 'two\nlines');
  await page.keyboard.type('!');
  assert.equal(await page.locator('#input-text').inputValue(), 'two\nlines!');
  await page.locator('#input-extra').fill('a');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('b');
  assert.equal(await page.locator('textarea#input-extra').inputValue(), 'a\nb');
  await page.context().close();
});

test('what is faulty is told at its field, by the page or by the server', async () => {
  const page = await openForm();
  await page.locator('#input-count').fill('many');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('#input-text-help').getByText('A value is needed').waitFor();
  await page.locator('#input-count-help').getByText('Digits alone').waitFor();
  await page.locator('#input-region-help').getByText('A value is needed').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'input-text');

  await page.locator('#input-text').fill('x'.repeat(64 * 1024 + 1));
  await page.locator('#input-count').fill('1');
  await page.locator('#input-region').selectOption('eu');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('#input-text-help .pf-m-error').waitFor();
  assert.match(page.url(), /runbooks\/every-input$/);
  await page.locator('#input-text').fill('x'.repeat(64 * 1024));
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\//);
  assert.equal((await arrived(page)).text.length, 64 * 1024);
  await page.context().close();
});

test('a double click and an impatient Enter start one run', async () => {
  const page = await openForm('/p/default/runbooks/fail');
  const before = await set.box.cli('runs', 'list', '--runbook', 'fail', '--json');
  await page.evaluate(() => {
    const form = document.querySelector('form[aria-label="Run"]');
    form.requestSubmit();
    form.requestSubmit();
    form.querySelector('button[type="submit"]').click();
  });
  await page.waitForURL(/\/runs\//);
  await waitForState(page, 'failed');
  const after = await set.box.cli('runs', 'list', '--runbook', 'fail', '--json');
  const count = (text) => [...text.matchAll(/"requested_at"/g)].length;
  assert.equal(count(after) - count(before), 1);
  await page.context().close();
});

test('an answer that was lost does not start a second run when one tries again', async () => {
  const page = await openForm('/p/default/runbooks/fail');
  const count = async () =>
    [...(await set.box.cli('runs', 'list', '--runbook', 'fail', '--json')).matchAll(/"requested_at"/g)].length;
  const before = await count();
  let first = true;
  await page.route('**/runbooks/fail/runs', async (route) => {
    if (first) {
      first = false;
      await route.fetch();
      await route.abort('connectionreset');
    } else {
      await route.continue();
    }
  });
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('.sb-trouble-note').waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\//);
  assert.equal((await count()) - before, 1);
  await page.context().close();
});
