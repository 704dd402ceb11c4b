import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { LOOKS, axe, enter, faultsOf, open, picture } from '../browser.js';
import { stage } from '../journey.js';

const DOCUMENTS = `
kind: Runbook
name: tidy
title: Tidy up
inputs:
  keep: { type: integer, default: 7 }
steps:
  - { name: tidy, effect: read, run: 'echo "kept $INPUT_KEEP"' }
---
kind: Runbook
name: slow
title: A slow one
steps:
  - { name: sleep, effect: read, run: sleep 3 }
---
kind: Runbook
name: look
title: Is it well?
probe: { service: shop, every: 30s }
steps:
  - { name: look, effect: read, run: 'true' }
---
kind: Service
name: shop
---
kind: Schedule
name: every-second
title: Tidy every second
description: As often as *can be*.
runbook: tidy
inputs: { keep: 3 }
reason: Nobody else does it
every: 1s
---
kind: Schedule
name: queued
title: One waits for another
runbook: slow
every: 2s
overlap: queue_one
---
kind: Schedule
name: now-and-then
runbook: tidy
every: 5s
---
kind: Schedule
name: monthly
title: Every month
runbook: tidy
cron: '0 4 1 * *'
zone: Europe/Berlin
jitter: 5m
catch_up: latest
`;

const people = {};
const set = stage(async ({ box }) => {
  const folder = join(box.dir, 'ops');
  await mkdir(folder);
  await writeFile(join(folder, 'timed.yaml'), DOCUMENTS);
  await box.cli('apply', folder);
  people.anna = await box.person('anna');
});

async function openAs(token, path, options = {}) {
  const page = await open(set.browser, set.box.url, { timezoneId: 'Asia/Tokyo', ...options });
  await enter(page, token);
  await page.goto(path);
  return page;
}

const PAGE = '/p/default/schedules/every-second';

test('a schedule fires by itself, and each firing leads to its run', async () => {
  const page = await openAs(set.box.token, '/p/default/runbooks');
  await page.getByRole('link', { name: 'Schedules', exact: true }).click();
  const row = page.getByRole('row').filter({ hasText: 'Tidy every second' });
  await row.getByText('every 1s').waitFor();
  await row.locator('[data-state="succeeded"]').waitFor();
  // Probes are timed too, and are not among them unless one asks.
  assert.equal(await page.getByText('Is it well?').count(), 0);
  await page.getByRole('button', { name: 'Probes' }).click();
  await page.getByRole('link', { name: 'look' }).waitFor();
  await page.waitForURL(/kind=probe/);
  assert.equal(await page.getByText('Tidy every second').count(), 0);
  await page.getByRole('button', { name: 'Schedules', exact: true }).click();

  await page.getByRole('link', { name: 'Tidy every second' }).click();
  await page.waitForURL(PAGE);
  const firings = page.getByRole('region', { name: 'Firings' });
  await firings.locator('tbody [data-state="succeeded"]').nth(2).waitFor();
  assert.equal(await page.locator('.sb-nexts > li').count(), 10);
  const values = page.getByLabel('Inputs');
  assert.match(await values.textContent(), /keep3/);
  await page.getByText('recorded as missed').waitFor();
  await firings.locator('tbody').getByRole('link', { name: 'succeeded' }).first().click();
  await page.getByText('by schedule/every-second').waitFor();
  await page.getByText('Nobody else does it').waitFor();

  await page.goto('/p/default/runbooks/tidy');
  const timetable = page.getByRole('region', { name: 'Runs by itself' });
  await timetable.getByRole('link', { name: 'Every month' }).waitFor();
  await timetable.getByText('04:00 in Europe/Berlin').waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('it is paused with a reason, which everybody reads, and a member cannot; then it goes on', async () => {
  const page = await openAs(set.box.token, PAGE);
  await page.getByRole('button', { name: 'Pause' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('OPS-40 the disk is being changed');
  assert.deepEqual(await axe(page), []);
  await picture(page, 'dialog-pause');
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.locator('.sb-paused-card').getByText('OPS-40 the disk is being changed').waitFor();
  await page.locator('.sb-paused-card').getByText('paused by admin').waitFor();
  await page.getByText('none of these starts a run').waitFor();

  const anna = await openAs(people.anna, PAGE);
  await anna.getByText('Only an administrator may resume it.').waitFor();
  await anna.locator('.sb-paused-card').getByText('OPS-40').waitFor();
  assert.equal(await anna.getByRole('button', { name: /^(Pause|Resume)$/ }).count(), 0);
  assert.deepEqual(await axe(anna), []);
  // The server says the same to whoever asks it past the page.
  const refused = await anna.request.post('/api/v1/projects/default/schedules/every-second/resume', {
    headers: { origin: anna.base },
  });
  assert.equal(refused.status(), 403);
  await anna.goto('/p/default/schedules');
  const row = anna.getByRole('row').filter({ hasText: 'Tidy every second' });
  await row.getByText('OPS-40 the disk is being changed').waitFor();

  const before = await page.locator('.sb-firings-table tbody tr').count();
  await page.waitForTimeout(6000);
  assert.equal(await page.locator('.sb-firings-table tbody tr').count(), before, 'nothing fires while it pauses');
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  const skipped = page.locator('.sb-firings-table tr').filter({ hasText: /\d+ skipped/ });
  await skipped.getByText('It paused, by admin: OPS-40 the disk is being changed').waitFor();
  await page.locator('.sb-paused-card').waitFor({ state: 'detached' });
  // It goes on: the newest is a run again.
  await page.locator('.sb-firings-table tbody tr').first().locator('[data-state]').waitFor();
  assert.deepEqual([...page.faults, ...anna.faults], []);
  await page.context().close();
  await anna.context().close();
});

test('what did not run says why: skipped behind another, and missed while no server was there', async () => {
  const page = await openAs(set.box.token, '/p/default/schedules/queued');
  await page.locator('.sb-firings-table').getByText('Another firing waits already').first().waitFor();
  await page.getByText('it starts when the run before it has ended').waitFor();

  await set.box.halt();
  // A firing that is at most a minute late is on time; what is older was missed.
  await new Promise((done) => setTimeout(done, 72_000));
  await set.box.serve();
  await page.goto('/p/default/schedules/now-and-then');
  const missed = page.locator('.sb-firings-table tr').filter({ has: page.locator('[data-firing="missed"]') });
  await missed
    .first()
    .getByText(/missed/)
    .waitFor();
  await page
    .getByLabel('The newest firings, oldest first')
    .getByText(/missed/)
    .first()
    .waitFor({ state: 'attached' });
  await picture(page, 'schedule-missed');
  assert.deepEqual(await axe(page), []);

  // Of one that fires each second the newest fifty do not reach so far back.
  await page.goto(PAGE);
  await page.getByRole('button', { name: 'Older firings' }).click();
  await missed
    .first()
    .getByText(/missed/)
    .waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

test('where clocks change between the next firings it is marked', async () => {
  const page = await openAs(people.anna, '/p/default/schedules/monthly');
  // Ten months meet at least one change of Berlin’s clocks.
  await page.locator('.sb-shift').first().waitFor();
  assert.match(await page.locator('.sb-shift').first().textContent(), /UTC\+0[12]:00 → UTC\+0[12]:00/);
  await page.locator('.sb-nexts').getByText('04:00 Europe/Berlin').first().waitFor();
  await page.getByText('each is performed up to 5 min later').waitFor();
  await page.locator('.sb-head').getByText('at 04:00, on day 1 of the month').waitFor();
  assert.deepEqual(page.faults, []);
  await page.context().close();
});

for (const [words, options, look] of LOOKS) {
  test(`the pages of schedules, ${words}, have no fault that axe-core finds`, async () => {
    const faults = [];
    const page = await openAs(set.box.token, '/', options);
    for (const [name, path] of [
      ['schedules', '/p/default/schedules'],
      ['schedules-probes', '/p/default/schedules?kind=probe'],
      ['schedules-collectors', '/p/default/schedules?kind=collector'],
      ['schedule', PAGE],
      ['schedule-queued', '/p/default/schedules/queued'],
      ['schedule-monthly', '/p/default/schedules/monthly'],
      ['schedule-missing', '/p/default/schedules/nowhere'],
      ['runbook-timetable', '/p/default/runbooks/tidy'],
    ]) {
      await page.goto(path);
      await page.locator('h1').waitFor();
      await page.waitForTimeout(600);
      faults.push(...(await faultsOf(page, name, look)));
    }
    await page.context().close();
    assert.deepEqual(faults, []);
  });
}
