import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open, signIn } from '../browser.js';
import { stage } from '../journey.js';

const set = stage();

test('a wrong token is refused with what happened and what to do', async () => {
  const page = await open(set.browser, set.box.url);
  await page.goto('/');
  await page.waitForURL('/sign-in');
  await page.getByText('admin.token').waitFor();
  assert.match(await page.title(), /^Sign in/);
  await page.getByText('signalbox tokens create').waitFor();

  await page.getByLabel('Token').fill('wrong');
  await page.keyboard.press('Enter');
  const note = page.locator('.sb-trouble-note');
  await note.waitFor();
  assert.ok((await note.innerText()).trim().split('\n').length >= 3, 'a title, a detail and a hint');
  await note.getByText('Request').waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a right one leads to where one wanted to go, and signing out leads away from there', async () => {
  const page = await open(set.browser, set.box.url);
  await page.goto('/p/default/runs?state=failed');
  await page.waitForURL(/sign-in\?to=/);
  await page.getByLabel('Token').fill(`  ${set.box.token}\n`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(/\/p\/default\/runs\?state=failed$/);
  await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor();

  await page.getByRole('button', { name: /^Signed in as admin, admin/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.waitForURL(/sign-in/);
  await page.goto('/p/default/runbooks');
  await page.waitForURL(/sign-in/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('an address of somebody else’s is not followed after signing in', async () => {
  const page = await open(set.browser, set.box.url);
  await signIn(page, set.box.token, '/sign-in?to=//evil.example/x');
  assert.equal(new URL(page.url()).origin, set.box.url);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a revoked token signs out at once', async () => {
  const token = await set.box.person('leaver');
  const page = await open(set.browser, set.box.url);
  await signIn(page, token);
  const listed = JSON.parse(
    await set.box.cli('tokens', 'list', '--json').then((text) => `[${text.trim().replaceAll('\n', ',')}]`),
  );
  const tokens = listed.flatMap((each) => each.items ?? each);
  await set.box.cli('tokens', 'revoke', tokens.find(({ name }) => name === 'leaver').id);
  await page.reload();
  await page.waitForURL(/sign-in/);
  await page.context().close();
});
