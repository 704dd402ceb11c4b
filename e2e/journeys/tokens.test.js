import assert from 'node:assert/strict';
import { test } from 'node:test';

import { enter, open, signIn } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();

test('an administrator makes a token, sees it once, and takes it back', async () => {
  const page = await open(set.browser, set.box.url);
  await enter(page, set.box.token);
  await page.goto('/tokens');
  await page.getByRole('button', { name: 'New token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('../x');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await dialog.locator('.pf-m-error, .sb-trouble-note').first().waitFor();
  await dialog.getByLabel('Name').fill('carla');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await dialog.getByText('not shown again').waitFor();
  const secret = await dialog.locator('.sb-command code').innerText();
  await dialog.getByRole('button', { name: 'Done' }).click();
  assert.ok(!(await page.content()).includes(secret));
  await page.getByRole('row', { name: /carla/ }).waitFor();

  const carla = await open(set.browser, set.box.url);
  await signIn(carla, secret);
  await page.getByRole('button', { name: 'Revoke the token of carla' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Revoke the token of carla' }).waitFor({ state: 'detached' });
  await carla.reload();
  await carla.waitForURL(/sign-in/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
  await carla.context().close();
});

test('a member is told that tokens are not theirs to see', async () => {
  const page = await open(set.browser, set.box.url);
  await enter(page, await set.box.person('dora'));
  await page.goto('/tokens');
  await page.getByText('Request').waitFor();
  assert.equal(await page.getByRole('button', { name: 'New token' }).count(), 0);
  await page.context().close();
});
