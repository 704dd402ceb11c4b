// The frame of a file of journeys: one server and one browser for all of them.
import { after, before } from 'node:test';

import { launch } from './browser.js';
import { Signalbox } from './signalbox.js';

/** Filled in before the first journey of the file; then `prepare` makes what its journeys look at. */
export function stage(prepare = async () => {}) {
  const set = { box: null, browser: null };
  before(async () => {
    [set.box, set.browser] = await Promise.all([Signalbox.start(), launch()]);
    await prepare(set);
  });
  after(async () => {
    await set.browser?.close();
    await set.box?.stop();
  });
  return set;
}
