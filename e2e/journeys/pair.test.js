import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { LOOKS, PHONE, axe, enter, faultsOf, open, picture, waitForState } from '../browser.js';
import { stage } from '../journey.js';

/** A shop that is two files: it is well while the one is there, and its version stands in the other. */
const documents = (dir) => `
kind: Service
name: shop
title: Shop
depends_on: [payments]
---
kind: Service
name: payments
---
kind: Service
name: search
title: Search
---
kind: Runbook
name: check-shop
probe: { service: shop, every: 1s, stale_after: 60s }
steps:
  - { name: answers, effect: read, run: 'test -e ${dir}/up' }
---
kind: Runbook
name: check-payments
probe: { service: payments, every: 1s, stale_after: 60s }
steps:
  - { name: answers, effect: read, run: 'exit 1' }
---
kind: Runbook
name: look-at-shop
collects: { service: shop, every: 1s, expire: 60s }
steps:
  - name: look
    effect: read
    run: |
      echo "version=$(cat ${dir}/version)" >> "$SIGNALBOX_FACTS"
      echo "workers=4" >> "$SIGNALBOX_FACTS"
---
kind: Runbook
name: release
title: Release the shop
service: shop
description: Installs a version, and does not start it again.
snapshot: [look-at-shop]
inputs:
  version: { type: string, default: '2.0' }
steps:
  - { name: stop, run: 'rm ${dir}/up' }
  - { name: install, run: 'sleep 1; echo "$INPUT_VERSION" > ${dir}/version; sleep 4' }
---
kind: Runbook
name: mend
title: Mend the shop
service: shop
verify:
  within: 60s
  all: [{ probe: check-shop }, { fact: version, equals: '3.0' }]
steps:
  - { name: start, run: 'touch ${dir}/up' }
---
kind: Runbook
name: hopeless
title: Hope for the best
service: shop
verify: { within: 2s, all: [{ fact: version, equals: never }] }
steps:
  - { name: hope, run: echo hoping }
---
kind: Runbook
name: reindex
title: Build the index again
service: search
steps: [{ run: echo again }]
---
kind: Runbook
name: of-nobody
steps: [{ run: echo nothing }]
`;

const people = {};
const runs = {};
const shop = { dir: '' };
const set = stage(async ({ box }) => {
  shop.dir = join(box.dir, 'shop');
  const folder = join(box.dir, 'ops');
  await mkdir(shop.dir);
  await mkdir(folder);
  await writeFile(join(shop.dir, 'up'), '');
  await writeFile(join(shop.dir, 'version'), '1.0');
  await writeFile(join(folder, 'shop.yaml'), documents(shop.dir));
  await box.cli('apply', folder);
  people.anna = await box.person('anna');
});

async function openAs(token, path, options = {}) {
  const page = await open(set.browser, set.box.url, options);
  await enter(page, token);
  await page.goto(path);
  return page;
}

const runOf = (page) => page.url().split('/').at(-1);

test('before one starts: how it is, since when, what is known of it, and what it depends on', async () => {
  const page = await openAs(people.anna, '/p/default/runbooks/release');
  const view = page.getByRole('complementary', { name: 'How it is' });
  await view.locator('.sb-pair-service-head [data-health="ok"]').waitFor();
  await view.locator('.sb-pair-service-head').getByText('production').waitFor();
  const facts = view.getByRole('region', { name: 'Facts of shop in production' });
  await facts.getByText('1.0').waitFor();
  assert.match(await facts.textContent(), /version.*1\.0.*workers.*4/);
  // What it depends on is ill, and the shop itself is not for that.
  const ill = view.getByRole('list', { name: 'What it depends on and is ill' });
  await ill.locator('[data-health="bad"]').waitFor();
  await ill.getByText('payments', { exact: true }).waitFor();
  await view
    .getByRole('region', { name: /^Changes of the last day/ })
    .getByText('facts seen first')
    .waitFor();
  await page.getByRole('region', { name: 'What would run' }).getByText('in production').waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('while it runs the view is live, and afterwards it is a difference', async () => {
  const page = await openAs(people.anna, '/p/default/runbooks/release');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\//);
  runs.release = runOf(page);
  const view = page.getByRole('complementary', { name: 'How it is' });
  await view.getByText('Before and now').waitFor();
  await view.getByRole('region', { name: 'Now' }).locator('[data-health="bad"]').first().waitFor();
  await waitForState(page, 'succeeded');

  const after = view.getByRole('region', { name: 'Before and after' });
  await after.locator('.sb-pair-turn [data-health="ok"]').waitFor();
  await after.locator('.sb-pair-turn [data-health="bad"]').waitFor();
  const changed = after.getByLabel('Changed facts of shop');
  assert.match(await changed.textContent(), /version1\.0 → 2\.0/);
  assert.doesNotMatch(await changed.textContent(), /workers/);
  await after.getByText('One other fact is as before').waitFor();
  await after
    .getByRole('region', { name: /^What happened meanwhile/ })
    .getByText('ok → bad')
    .waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a run that verifies says what does not hold yet, and for how long it still may', async () => {
  const page = await openAs(people.anna, '/p/default/runbooks/mend');
  await page.locator('.sb-pair-service-head [data-health="bad"]').waitFor();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForURL(/\/runs\//);
  runs.mend = runOf(page);
  await waitForState(page, 'waiting');
  const card = page.getByRole('region', { name: 'Verification' });
  const signal = (name) => card.getByRole('listitem').filter({ hasText: name });
  await signal('check-shop').getByText('holds', { exact: true }).waitFor();
  await signal('version').getByText('does not hold yet').waitFor();
  await card.getByText(/in \d+ s/).waitFor();
  await picture(page, 'pair-verify');
  assert.deepEqual(await axe(page), []);

  const phone = await openAs(people.anna, page.url(), { viewport: PHONE });
  await phone.getByRole('region', { name: 'Verification' }).waitFor();
  await picture(phone, 'pair-verify-phone');
  assert.deepEqual(await axe(phone), []);
  await phone.context().close();

  await writeFile(join(shop.dir, 'version'), '3.0');
  await waitForState(page, 'succeeded');
  await card.waitFor({ state: 'detached' });
  const after = page.getByRole('region', { name: 'Before and after' });
  await after.locator('.sb-pair-turn [data-health="ok"]').waitFor();
  assert.match(await after.getByLabel('Changed facts of shop').textContent(), /version2\.0 → 3\.0/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('what does not come to hold fails the run, with what was missing', async () => {
  runs.hopeless = await set.box.start('hopeless');
  const page = await openAs(people.anna, `/p/default/runs/${runs.hopeless}`);
  await waitForState(page, 'failed');
  await page.locator('.sb-outcome').getByText('version').waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('on a phone the view is one line that opens', async () => {
  const page = await openAs(people.anna, `/p/default/runs/${runs.release}`, { viewport: PHONE });
  const line = page.getByRole('button', { name: /Shop/ });
  await line.getByText('ok → bad, 1 fact changed').waitFor();
  assert.equal(await page.getByText('Before and after').isVisible(), false);
  await line.click();
  await page.getByText('Before and after').waitFor();
  assert.deepEqual(await axe(page), []);
  await picture(page, 'pair-phone-open');
  await page.context().close();
});

test('what nobody looks at is unknown, and not green', async () => {
  const page = await openAs(people.anna, '/p/default/runbooks/reindex');
  const view = page.getByRole('complementary', { name: 'How it is' });
  await view.locator('.sb-pair-service-head [data-health="unknown"]').waitFor();
  await view.getByText('Nothing collects facts of it here').waitFor();
  assert.equal(await view.locator('[data-health="ok"]').count(), 0);
  await page.context().close();
});

test('without a service the page is as it was, and says how to get the view to those who may define', async () => {
  const admin = await openAs(set.box.token, '/p/default/runbooks/of-nobody');
  await admin.getByText('Say service: in this runbook').waitFor();
  assert.equal(await admin.getByRole('complementary').count(), 0);
  // Here a service is named that has no document.
  await admin.goto('/p/default/runbooks/count');
  await admin.getByText('kind: Service').waitFor();
  assert.equal(await admin.getByRole('complementary').count(), 0);
  const anna = await openAs(people.anna, '/p/default/runbooks/of-nobody');
  await anna.getByText('It has not run yet').waitFor();
  assert.equal(await anna.getByText('Say service:').count(), 0);
  assert.deepEqual([...admin.faults, ...anna.faults], []);
  await admin.context().close();
  await anna.context().close();
});

for (const [words, options, look] of LOOKS) {
  test(`the pair, ${words}, has no fault that axe-core finds`, async () => {
    await writeFile(join(shop.dir, 'up'), '');
    const live = await set.box.start('release', { version: '2.1' });
    const faults = [];
    const page = await openAs(set.box.token, '/', options);
    for (const [name, path] of [
      ['pair-runbook', '/p/default/runbooks/release'],
      ['pair-live', `/p/default/runs/${live}`],
      ['pair-after', `/p/default/runs/${runs.release}`],
      ['pair-failed', `/p/default/runs/${runs.hopeless}`],
      ['pair-unknown', '/p/default/runbooks/reindex'],
      ['pair-none', '/p/default/runbooks/of-nobody'],
    ]) {
      await page.goto(path);
      await page.locator('h1').waitFor();
      await page.waitForTimeout(800);
      faults.push(...(await faultsOf(page, name, look)));
    }
    await page.context().close();
    assert.deepEqual(faults, []);
  });
}
