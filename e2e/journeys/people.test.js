import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PHONE, axe, enter, logLines, open, picture, waitForState } from '../browser.js';
import { stage } from '../journey.js';

const people = {};
const set = stage(async ({ box }) => {
  people.anna = await box.person('anna');
  people.ben = await box.person('ben');
});

async function openAs(token, path, options = {}) {
  const page = await open(set.browser, set.box.url, options);
  await enter(page, token);
  await page.goto(path);
  return page;
}

const PICTURE = { name: 'graph.png', mimeType: 'image/png', buffer: Buffer.from('not really a picture') };

test('a checklist is ticked by two people in two browsers', async () => {
  const run = await set.box.start('checklist');
  const path = `/p/default/runs/${run}`;
  const [anna, ben] = await Promise.all([openAs(people.anna, path), openAs(people.ben, path, { viewport: PHONE })]);
  await waitForState(anna, 'waiting');
  await anna.locator('.sb-outcome').getByText('Waits for').waitFor();

  const card = anna.getByRole('form', { name: 'Step look' });
  await anna.locator('.sb-act strong', { hasText: 'dashboard' }).waitFor();
  await card.getByRole('button', { name: 'Done' }).click();
  await card.getByText('A value is needed').first().waitFor();
  await card.getByText('A file that shows it is needed').waitFor();
  assert.deepEqual(await axe(anna), []);
  await picture(anna, 'checklist');

  await card.getByLabel('error_rate').fill('0.25');
  await card.locator('select').selectOption('elevated');
  await card.getByLabel('remark').fill('a little high');
  await card.locator('input[type="file"]').setInputFiles(PICTURE);
  await card.getByText('kept as').waitFor();
  await card.getByLabel('Comment').fill('seen on the wall');
  await card.getByRole('button', { name: 'Done' }).click();

  // Both now see the next two, and each does one.
  for (const page of [anna, ben]) {
    await page.getByRole('form', { name: 'Step both.left' }).waitFor();
    await page.getByRole('form', { name: 'Step both.right' }).waitFor();
  }
  assert.deepEqual(await axe(ben), []);
  await picture(ben, 'checklist-phone');
  await ben.getByRole('form', { name: 'Step both.right' }).getByRole('button', { name: 'Done' }).click();
  await anna.getByRole('form', { name: 'Step both.right' }).waitFor({ state: 'detached' });
  await anna.getByRole('form', { name: 'Step both.left' }).getByRole('button', { name: 'Done' }).click();
  await waitForState(ben, 'succeeded');
  await waitForState(anna, 'succeeded');
  assert.deepEqual(
    (await logLines(anna)).map(([, text]) => text),
    ['the rate was 0.25'],
  );

  await ben.getByRole('button', { name: /^look/ }).click();
  const facts = ben.getByRole('region', { name: 'Step look' });
  await facts.getByText('anna').waitFor();
  await facts.getByText('seen on the wall').waitFor();
  const file = await ben.request.get(await facts.getByRole('link', { name: 'graph.png' }).getAttribute('href'));
  assert.equal(await file.text(), 'not really a picture');
  assert.deepEqual([...anna.faults, ...ben.faults], []);
  await anna.context().close();
  await ben.context().close();
});

test('a step that failed says so in words, and the run with it', async () => {
  const run = await set.box.start('checklist');
  const page = await openAs(people.anna, `/p/default/runs/${run}`);
  const card = page.getByRole('form', { name: 'Step look' });
  await card.getByRole('button', { name: 'It failed' }).click();
  await card.getByText('Say in a sentence what went wrong').waitFor();
  await card.getByLabel('Comment').fill('the dashboard is down');
  await card.getByRole('button', { name: 'It failed' }).click();
  await waitForState(page, 'failed');
  await page.getByText('the dashboard is down').first().waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a gate is not for whoever asked for the run, and somebody else opens it', async () => {
  const run = await set.box.start('gated');
  const path = `/p/default/runs/${run}`;
  const own = await openAs(set.box.token, path);
  await own.getByText('You asked for this run, so somebody else decides').waitFor();
  assert.equal(await own.getByRole('button', { name: 'Approve' }).count(), 0);
  assert.deepEqual(await axe(own), []);
  // The server says the same to whoever asks it past the page.
  const refused = await own.request.post(`/api/v1/projects/default/runs/${run}/steps/gate/decision`, {
    data: { approve: true },
    headers: { origin: own.base },
  });
  assert.equal(refused.status(), 403);

  const ben = await openAs(people.ben, path);
  await ben.locator('.sb-act').getByText('Delete everything in eu?').waitFor();
  await ben.getByRole('form', { name: 'Gate gate' }).getByLabel('Comment').fill('go on');
  await ben.keyboard.press('Tab');
  await ben.keyboard.press('Enter');
  await waitForState(own, 'succeeded');
  await own.getByRole('button', { name: /^gate/ }).click();
  await own.getByRole('region', { name: 'Step gate' }).getByText('ben').waitFor();
  assert.deepEqual([...own.faults, ...ben.faults], []);
  await own.context().close();
  await ben.context().close();
});

test('a no at the gate ends the run, with who said it', async () => {
  const run = await set.box.start('gated');
  const page = await openAs(people.ben, `/p/default/runs/${run}`);
  await page.getByRole('form', { name: 'Gate gate' }).getByLabel('Comment').fill('not on a Friday');
  await page.getByRole('button', { name: 'Decline' }).click();
  await waitForState(page, 'failed');
  await page.getByText('not on a Friday').first().waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('what waits is found in the list, with what it waits for', async () => {
  const run = await set.box.start('gated', {}, 'OPS-99 unusual words');
  const page = await openAs(people.anna, '/p/default/runs');
  await page.getByRole('button', { name: 'waiting' }).click();
  await page.waitForURL(/state=waiting/);
  await page.locator('.sb-waits-for').first().waitFor();
  await page.getByLabel('Filter by text').fill('unusual OPS-99');
  await page.waitForURL(/q=unusual/);
  await page.waitForFunction(() => document.querySelectorAll('.sb-runs-table tbody tr').length === 1);
  await page.reload();
  assert.equal(await page.getByLabel('Filter by text').inputValue(), 'unusual OPS-99');
  await page.getByRole('link', { name: 'Behind a gate' }).click();
  await page.waitForURL(`/p/default/runs/${run}`);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});
