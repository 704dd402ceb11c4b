import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { PHONE, axe, enter, logLines, open, picture, waitForState } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();
const PATH = '/p/default/runbooks/every-kind';
const PASSWORD = 'correct horse "battery" \' staple';
const DUMP = 'one\ntwo\n';

async function openForm(path = PATH, options = {}) {
  const page = await open(set.browser, set.box.url, { timezoneId: 'Europe/Berlin', ...options });
  await enter(page, set.box.token);
  await page.goto(path);
  await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
  return page;
}

async function arrived(page) {
  await waitForState(page, 'succeeded');
  await page.locator('.sb-log-text', { hasText: /^password / }).waitFor();
  const lines = await logLines(page);
  return Object.fromEntries(
    lines.map(([, text]) => {
      const [name, how, hex = ''] = text.split(' ');
      return [name, how === 'unset' ? null : Buffer.from(hex, 'hex').toString()];
    }),
  );
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

async function fill(page) {
  await page.locator('#input-region').selectOption('eu');
  await page.locator('#input-node').selectOption('eu-two');
  await page.getByRole('group', { name: 'tags' }).getByLabel('c', { exact: true }).check();
  await page.getByRole('group', { name: 'tags' }).getByLabel('a', { exact: true }).check();
  await page.getByRole('combobox', { name: 'owners' }).fill('db');
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'owners' }).fill('new team');
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'color' }).fill('red');
  await page.keyboard.press('Tab');
  await page.locator('#input-ticket').fill('OPS-7');
  await page.locator('#input-note').fill('two\nlines');
  await page.locator('#input-count').fill('10');
  await page.locator('#input-ratio').fill('2.5');
  await page.locator('#input-day').fill('2026-12-24');
  await page.locator('#input-at').fill('2026-12-24T18:00:00');
  await page.locator('#input-pause').fill('1h');
  await page.locator('#input-share').fill('12.5');
  await page.locator('#input-hosts').fill('web1');
  await page.keyboard.press('Enter');
  await page.keyboard.type('web 2');
  await page.locator('#input-settings').fill('{"big": 9007199254740993, "list": [1, 2]}');
  await page
    .locator('[data-input="dump"] input[type="file"]')
    .setInputFiles({ name: 'dump.sql', mimeType: 'text/plain', buffer: Buffer.from(DUMP) });
  await page.locator('[data-input="dump"]').getByText('kept as').waitFor();
  await page.locator('#input-password').fill(PASSWORD);
}

const EXPECTED = {
  region: 'eu',
  node: 'eu-two',
  tags: '["a","c"]',
  owners: '["db","new team"]',
  color: 'red',
  ticket: 'OPS-7',
  note: 'two\nlines',
  count: '10',
  ratio: '2.5',
  dry: 'true',
  why: null,
  who: 'admin',
  day: '2026-12-24',
  at: '2026-12-24T17:00:00Z',
  pause: '3600',
  share: '12.5',
  hosts: '["web1","web 2"]',
  settings: '{"big":9007199254740993,"list":[1,2]}',
  dump: sha256(DUMP),
  password: sha256(PASSWORD),
};

test('every kind of field arrives as it was given, with the plan before and no secret after', async () => {
  const page = await openForm();
  await fill(page);
  await page.locator('[data-input="at"]').getByText('Europe/Berlin (UTC+01:00)').waitFor();
  await page.locator('#reason').focus();
  const plan = page.getByRole('region', { name: 'What would run' });
  await plan.getByText('./print-kinds.py').or(plan.getByText('print-kinds.py')).first().waitFor();
  assert.deepEqual(await axe(page), []);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
  assert.deepEqual(await arrived(page), EXPECTED);
  await page.getByText('sealed, never shown').waitFor();
  assert.ok(!(await page.content()).includes('battery'));
  const download = await page.request.get(await page.getByRole('link', { name: 'dump.sql' }).getAttribute('href'));
  assert.equal(await download.text(), DUMP);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a field is asked for while its condition holds, and wrong values are told at their fields', async () => {
  const page = await openForm();
  assert.equal(await page.locator('#input-why').count(), 0);
  await page.getByRole('switch', { name: 'dry' }).click({ force: true });
  await page.locator('#input-why').waitFor();
  for (const [name, text, fault] of [
    ['ticket', 'seven', 'must match the pattern'],
    ['note', 'x'.repeat(21), 'at most 20'],
    ['count', '11', 'between 1 and 10'],
    ['ratio', '-1', 'at least 0'],
    ['pause', '61m', 'at most 1h'],
    ['share', '101', 'between 0 and 100'],
    ['settings', '{a: 1}', 'not JSON'],
  ]) {
    await page.locator(`#input-${name}`).fill(text);
    await page.keyboard.press('Tab');
    await page.locator(`#input-${name}-help .pf-m-error`).getByText(fault).waitFor();
  }
  await page
    .locator('[data-input="dump"] input[type="file"]')
    .setInputFiles({ name: 'big.sql', mimeType: 'text/plain', buffer: Buffer.alloc(2048) });
  await page.locator('[data-input="dump"]').getByText('may have at most 1.0 KiB').waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('#input-region-help').getByText('A value is needed').waitFor();
  await page.locator('#input-why-help').getByText('A value is needed').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'input-region');
  await picture(page, 'form-wrong');
  assert.deepEqual(await axe(page), []);

  // What is hidden again is not sent, whatever stood in it.
  await page.locator('#input-why').fill('because');
  await page.getByRole('switch', { name: 'dry' }).click({ force: true });
  await page.locator('#input-why').waitFor({ state: 'detached' });
  for (const name of ['note', 'count', 'ratio', 'pause', 'share', 'settings']) {
    await page.locator(`#input-${name}`).fill('');
  }
  await page.locator('#input-ticket').fill('OPS-8');
  await page.locator('#input-region').selectOption('ap');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByText('nothing to rehearse in ap').first().waitFor();
  await page.locator('#input-region').selectOption('eu');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
  const came = await arrived(page);
  assert.equal(came.why, null);
  assert.equal(came.dump, null);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('options are fetched for what they depend on, and a failure says why', async () => {
  const page = await openForm();
  const node = page.locator('[data-input="node"]');
  await node.getByText('fill that in first').waitFor();
  await page.locator('#input-region').selectOption('us');
  await node.getByText('could not be fetched').waitFor();
  await node.getByRole('button', { name: 'Try again' }).waitFor();
  await page.locator('#input-region').selectOption('ap');
  await page.locator('#input-node option', { hasText: 'ap-one' }).waitFor({ state: 'attached' });
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a link and a preset fill the form, and neither has the secret or the file', async () => {
  const page = await openForm();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await fill(page);
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByText('Copied, without secrets and files').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(!decodeURIComponent(link).includes('battery') && !link.includes('dump'));

  await page.getByRole('button', { name: 'Presets' }).click();
  await page.getByRole('menuitem', { name: 'Save these values' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('weekly');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });

  const bea = await open(set.browser, set.box.url);
  await enter(bea, await set.box.person('bea'));
  await bea.goto(link);
  await bea.locator('#input-ticket').waitFor();
  assert.equal(await bea.locator('#input-ticket').inputValue(), 'OPS-7');
  assert.equal(await bea.locator('#input-hosts-2').inputValue(), 'web 2');
  assert.equal(await bea.locator('#input-password').inputValue(), '');

  await bea.goto(PATH);
  await bea.getByRole('button', { name: 'Presets' }).click();
  await bea.getByRole('menuitem', { name: 'weekly' }).click();
  assert.equal(await bea.locator('#input-ticket').inputValue(), 'OPS-7');
  assert.equal(await bea.locator('#input-pause').inputValue(), '1h');
  assert.equal(await bea.locator('#input-password').inputValue(), '');

  await page.getByRole('button', { name: 'Presets' }).click();
  await page.getByRole('menuitem', { name: 'Delete a preset' }).click();
  await page.getByRole('button', { name: 'Delete the preset weekly' }).click();
  await page.getByText('There are none any more').waitFor();
  assert.deepEqual([...page.faults, ...bea.faults], []);
  await page.context().close();
  await bea.context().close();
});

test('on a phone the plan comes before the button, and nothing sticks out', async () => {
  const page = await openForm(PATH, { viewport: PHONE });
  await page.locator('#input-region').selectOption('eu');
  await page.locator('#input-ticket').fill('OPS-9');
  await page.keyboard.press('Tab');
  const top = async (locator) => (await locator.boundingBox()).y;
  const plan = page.getByRole('region', { name: 'What would run' });
  await plan.waitFor();
  const button = page.getByRole('button', { name: 'Run', exact: true });
  assert.ok((await top(page.locator('#reason'))) < (await top(plan)));
  assert.ok((await top(plan)) < (await top(button)));
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth), 0);
  assert.deepEqual(await axe(page), []);
  await page.context().close();
});
