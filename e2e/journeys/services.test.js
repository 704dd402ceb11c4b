import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { LOOKS, axe, enter, faultsOf, open, picture } from '../browser.js';
import { stage } from '../journey.js';

/** Long enough for a probe to look, and for a page that is not told at once to ask again. */
const SEEN = { timeout: 30_000 };

/** The shop is up while a file is there, and says its version in another. */
function town(up, version) {
  return `
kind: Team
name: web
title: Web team
description: They keep the shop *running*.
members: [ada, grace]
contact: '#web-team'
links: [{title: Wiki, url: 'https://wiki.example/web'}]
---
kind: Team
name: ops
---
kind: Service
name: shop
title: Shop
description: Where people buy.
owner: web
operator: ops
tier: 1
environments: [production, staging]
depends_on: [payments]
links: [{title: Dashboard, url: 'https://grafana.example/d/shop'}]
---
kind: Service
name: payments
title: Payments
owner: ops
tier: 2
---
kind: Service
name: mail
owner: ops
lifecycle: deprecated
environments: [production, staging]
---
kind: Runbook
name: check-shop
probe: {service: shop, environment: production, every: 1s, stale_after: 60s}
steps: [{name: answers, run: 'test -e ${up}', effect: read}]
---
kind: Runbook
name: check-shop-staging
probe: {service: shop, environment: staging, every: 1s, stale_after: 60s}
steps: [{name: answers, run: exit 75, effect: read}]
---
kind: Runbook
name: check-payments
probe: {service: payments, every: 1s, stale_after: 60s}
steps: [{name: answers, run: 'true', effect: read}]
---
kind: Runbook
name: look-at-shop
collects: {service: shop, environment: production, every: 1s, expire: 10m}
steps:
  - name: look
    run: |
      echo "version=$(cat ${version})" >> "$SIGNALBOX_FACTS"
      echo "workers=8" >> "$SIGNALBOX_FACTS"
      if [ -e ${up} ]; then echo "front_page=open" >> "$SIGNALBOX_FACTS"; fi
    effect: read
---
kind: Runbook
name: look-at-shop-staging
collects: {service: shop, environment: staging, every: 1s, expire: 10m}
steps:
  - name: look
    run: |
      echo "version=2.0" >> "$SIGNALBOX_FACTS"
      echo "workers=8" >> "$SIGNALBOX_FACTS"
    effect: read
---
kind: Runbook
name: close-shop
title: Close the shop
service: shop
steps: [{run: 'rm -f ${up}', effect: irreversible}]
---
kind: Runbook
name: open-shop
title: Open the shop
service: shop
steps: [{run: 'touch ${up}'}]
---
kind: Runbook
name: deploy-shop
title: Deploy the shop
service: shop
inputs:
  version: {type: string, required: true}
steps: [{run: 'printf %s "$INPUT_VERSION" > ${version}'}]
---
kind: Schedule
name: nightly
title: Open every morning
runbook: open-shop
cron: 0 6 * * *
zone: UTC
`;
}

const place = {};

const set = stage(async ({ box }) => {
  place.folder = join(box.dir, 'town');
  place.up = join(box.dir, 'up');
  await mkdir(place.folder);
  await writeFile(place.up, '');
  await writeFile(join(box.dir, 'version'), '1.0');
  await writeFile(join(place.folder, 'town.yaml'), town(place.up, join(box.dir, 'version')));
  await box.cli('apply', place.folder, '--project', 'town');
});

async function openAt(path, options = {}) {
  const page = await open(set.browser, set.box.url, options);
  await enter(page, set.box.token);
  await page.goto(path);
  return page;
}

/** Runs a runbook of the town to its end. */
async function perform(runbook, inputs = {}, reason = 'a journey') {
  const given = Object.entries(inputs).flatMap(([name, value]) => ['-i', `${name}=${value}`]);
  await set.box.cli('run', runbook, ...given, '--reason', reason, '--project', 'town');
}

function card(page, environment) {
  return page.getByRole('region', { name: `Health in ${environment}` });
}

test('where there is no service, one learns how there would be', async () => {
  const page = await openAt('/p/default/services');
  await page.getByText('No service yet').waitFor();
  await page.getByText('probe: {service: shop').waitFor();
  assert.deepEqual(await axe(page), []);
  await page.context().close();
});

test('a service falls ill and recovers before one’s eyes: in the list, the matrix and on its page', async () => {
  const [list, matrix, page] = await Promise.all([
    openAt('/p/town/services?environment=production'),
    openAt('/p/town/services?view=matrix'),
    openAt('/p/town/services/shop'),
  ]);
  const row = list.getByRole('row', { name: /Shop/ });
  const cell = matrix.getByRole('row', { name: /Shop/ }).locator('td[data-label="production"]');
  await row.locator('[data-health="ok"]').waitFor(SEEN);
  await cell.locator('[data-health="ok"]').first().waitFor(SEEN);
  await card(page, 'production').locator('header [data-health="ok"]').waitFor(SEEN);
  // What cannot tell is unknown, and so is what nobody watches: neither is green, on any page.
  await card(page, 'staging').locator('header [data-health="unknown"]').waitFor(SEEN);
  await matrix.getByRole('row', { name: /mail/ }).locator('[data-health="unknown"]').first().waitFor();
  assert.equal(await matrix.getByRole('row', { name: /mail/ }).locator('[data-health="ok"]').count(), 0);

  await perform('close-shop', {}, 'OPS-31 stocktaking');
  await row.locator('[data-health="bad"]').waitFor(SEEN);
  await row.getByText('exit code 1').waitFor();
  assert.match(await list.locator('tbody tr').first().textContent(), /Shop/, 'worst first');
  await cell.locator('[data-health="bad"]').first().waitFor(SEEN);
  await card(page, 'production').locator('header [data-health="bad"]').waitFor(SEEN);
  await page.locator('.sb-head [data-health="bad"]').waitFor();

  // What ran just before it broke leads to the run.
  const before = page.getByRole('list', { name: 'Just before it was bad' });
  await before.getByText('OPS-31 stocktaking').waitFor(SEEN);
  assert.match(await before.getByRole('link', { name: 'Close the shop' }).getAttribute('href'), /\/p\/town\/runs\/\S/);
  const axis = page.getByRole('group', { name: /listed beneath/ });
  await axis.getByRole('link', { name: /Close the shop: succeeded/ }).waitFor(SEEN);
  await picture(page, 'service-bad-wide-light');

  const home = await openAt('/p/town/runbooks');
  await home.getByRole('heading', { name: 'Ill now' }).waitFor();
  await home.getByText(/2? ?services? (is|are) unknown/).waitFor();
  await picture(home, 'ill-now-wide-light');
  assert.deepEqual(await axe(home), []);
  await home.getByRole('link', { name: 'Shop', exact: true }).click();
  await home.waitForURL('/p/town/services/shop?environment=production');
  assert.equal(await card(home, 'staging').count(), 0, 'only the environment that was followed');

  await perform('open-shop');
  await row.locator('[data-health="ok"]').waitFor(SEEN);
  await cell.locator('[data-health="ok"]').first().waitFor(SEEN);
  await card(page, 'production').locator('header [data-health="ok"]').waitFor(SEEN);
  for (const each of [list, matrix, page, home]) {
    assert.deepEqual(each.faults, []);
    await each.context().close();
  }
});

test('facts change, keep what they were, and are held against a moment and another environment', async () => {
  await writeFile(place.up, '');
  const page = await openAt('/p/town/services/shop?environment=production');
  const facts = page.getByRole('grid', { name: 'Facts in production' });
  const version = facts.getByRole('row', { name: /version/ });
  await version.getByText('1.0').waitFor(SEEN);
  await facts.getByRole('row', { name: /front_page/ }).waitFor(SEEN);
  await facts
    .getByRole('row', { name: /front_page/ })
    .locator('[data-fact="gone"]')
    .waitFor({ state: 'detached', ...SEEN });
  const earlier = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  // An address says a moment to the second.
  await page.waitForTimeout(1100);

  await perform('deploy-shop', { version: '1.1' });
  await version.getByText('1.1').waitFor(SEEN);
  await version.getByText('was 1.0').waitFor();

  await page.getByLabel('Compare with', { exact: true }).selectOption({ label: 'production at a moment' });
  await page.waitForURL(/at=/);
  await page.getByLabel('Moment to compare with').waitFor();
  await page.goto(`/p/town/services/shop?environment=production&at=${encodeURIComponent(earlier)}`);
  const differences = page.getByRole('table', { name: 'Differences' });
  const changed = differences.getByRole('row', { name: /version/ });
  await changed.getByText('changed').waitFor();
  assert.match(await changed.textContent(), /1\.0.*1\.1/);
  assert.equal(await differences.locator('tbody tr').count(), 1);
  assert.deepEqual(await axe(page), []);

  await page.getByLabel('Compare with', { exact: true }).selectOption({ label: 'staging now' });
  await page.waitForURL(/against=staging/);
  await differences
    .getByRole('row', { name: /front_page/ })
    .getByText('added')
    .waitFor();
  assert.match(await differences.getByRole('row', { name: /version/ }).textContent(), /2\.0.*1\.1/);
  const json = await page.getByRole('link', { name: 'JSON of the differences' }).getAttribute('href');
  const answer = await (await page.request.get(json)).json();
  assert.deepEqual(answer.differences.map(({ key }) => key).sort(), ['front_page', 'version']);

  // What a successful look does not see any more is gone, and does not look as if it were there.
  await rm(place.up);
  await facts
    .getByRole('row', { name: /front_page/ })
    .locator('[data-fact="gone"]')
    .waitFor(SEEN);
  await writeFile(place.up, '');
  await facts
    .getByRole('row', { name: /front_page/ })
    .locator('[data-fact="gone"]')
    .waitFor({ state: 'detached', ...SEEN });
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a strip of days is read with the keyboard, and as a table', async () => {
  const page = await openAt('/p/town/services/shop?environment=production');
  const strip = page.getByRole('slider', { name: 'Days of check-shop in production' });
  await strip.focus();
  const today = new Date().toISOString().slice(0, 10);
  await page.getByText(new RegExp(`${today}: [\\d.]+ % good, [\\d,]+ of [\\d,]+`)).waitFor();
  await page.keyboard.press('Home');
  await page.getByText(/^\d{4}-\d\d-\d\d: no data$/).waitFor();
  assert.match(await strip.getAttribute('aria-valuetext'), /no data/);
  await page.getByText('As a table').click();
  const days = page.getByRole('region', { name: 'Table of check-shop in production' }).getByRole('row');
  assert.equal(await days.count(), 91);
  assert.match(await days.nth(2).textContent(), /no data/);
  await picture(page, 'service-strip-wide-light');
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('what one may do is a click away, and whose it is', async () => {
  const page = await openAt('/p/town/services/shop');
  const acts = page.getByRole('list', { name: 'Runbooks' });
  await acts.getByRole('listitem').filter({ hasText: 'Close the shop' }).getByText('irreversible').waitFor();
  await page
    .getByRole('list', { name: 'Schedules' })
    .getByText(/^in \d/)
    .waitFor();
  await acts.getByRole('link', { name: 'Deploy the shop' }).click();
  await page.waitForURL('/p/town/runbooks/deploy-shop');
  await page.goBack();
  await page.locator('.sb-head').getByRole('link', { name: 'web' }).click();
  await page.waitForURL('/p/town/teams/web');
  await page.getByText('ada, grace').waitFor();
  await page.getByText('#web-team').waitFor();
  await page.getByRole('grid', { name: 'Owns' }).getByRole('link', { name: 'Shop', exact: true }).waitFor();
  await page.goto('/p/town/teams/ops');
  await page
    .getByRole('grid', { name: 'Operates for others' })
    .getByRole('link', { name: 'Shop', exact: true })
    .waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('filters are kept in the address', async () => {
  const page = await openAt('/p/town/services');
  const rows = page.locator('tbody tr');
  const shows = (count) => page.waitForFunction((many) => document.querySelectorAll('tbody tr').length === many, count);
  await shows(3);
  await page.getByLabel('Team').selectOption('web');
  await shows(1);
  await page.getByLabel('Team').selectOption('');
  await page.getByLabel('Lifecycle').selectOption('deprecated');
  await shows(1);
  assert.match(await rows.first().textContent(), /mail/);
  assert.match(page.url(), /lifecycle=deprecated/);
  await page.reload();
  await shows(1);
  await page.getByLabel('Filter services').fill('nothing like it');
  await page.getByRole('button', { name: 'Show all services' }).click();
  await shows(3);
  await page
    .getByRole('group', { name: 'Health' })
    .getByRole('button', { name: /^unknown/ })
    .click();
  await page.waitForURL(/health=unknown/);
  await page.getByRole('button', { name: 'Matrix' }).click();
  await page.waitForURL(/view=matrix/);
  await page.getByRole('link', { name: 'unknown' }).first().click();
  await page.waitForURL(/\/services\/\w+\?environment=\w+/);
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('a thousand services are found among as fast as one types', async () => {
  const names = Array.from({ length: 1000 }, (_, at) => `service-${String(at).padStart(4, '0')}`);
  const folder = join(set.box.dir, 'many');
  await mkdir(folder);
  await writeFile(join(folder, 'all.yaml'), names.map((name) => `kind: Service\nname: ${name}\n`).join('---\n'));
  await set.box.cli('apply', folder, '--project', 'many');
  const page = await openAt('/p/many/services');
  const rows = page.locator('tbody tr');
  await rows.nth(50).waitFor();
  assert.equal(await rows.count(), 100, 'the first of them are drawn');
  await page.getByRole('button', { name: /^unknown 1,000/ }).waitFor();
  await page.getByLabel('Filter services').fill('0997');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.getByRole('link', { name: 'service-0997', exact: true }).waitFor();
  await page.getByLabel('Filter services').fill('');
  await rows.nth(99).waitFor();
  await page.getByRole('button', { name: /more of 1,000/ }).scrollIntoViewIfNeeded();
  await rows.nth(150).waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

const PAGES = [
  ['services', '/p/town/services'],
  ['services-matrix', '/p/town/services?view=matrix'],
  ['service', '/p/town/services/shop?span=1h'],
  ['service-unwatched', '/p/town/services/mail'],
  ['service-diff', '/p/town/services/shop?environment=production&against=staging&span=1h'],
  ['service-missing', '/p/town/services/nowhere'],
  ['team', '/p/town/teams/ops'],
];

for (const [words, options, look] of LOOKS) {
  test(`every page of services, ${words}, has no fault that axe-core finds`, async () => {
    const faults = [];
    const page = await open(set.browser, set.box.url, options);
    await enter(page, set.box.token);
    for (const [name, path] of PAGES) {
      await page.goto(path);
      await page.locator('h1').waitFor();
      await page.waitForTimeout(500);
      faults.push(...(await faultsOf(page, name, look)));
    }
    await page.context().close();
    assert.deepEqual(faults, []);
  });
}
