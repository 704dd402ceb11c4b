// From spawn to the first 200 of /readyz, beside the same binary saying its version.

import { spawn } from 'node:child_process';
import path from 'node:path';

import { figure, median } from './figures.mjs';
import { Server } from './server.mjs';

function version(bin) {
  return new Promise((done, fail) => {
    const began = performance.now();
    const child = spawn(bin, ['--version'], { stdio: 'ignore' });
    child.once('error', fail);
    child.once('exit', () => done(performance.now() - began));
  });
}

/** Without `dataDir` on a new one each time. */
export async function measureColdStart({ bin, work, rounds, dataDir = null }) {
  const bare = [];
  const ours = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await version(bin));
    const server = await Server.start(bin, dataDir ?? path.join(work, `cold-${round}`));
    ours.push(server.startMs);
    await server.stop();
  }
  return figure({
    name: dataDir ? 'start until ready, after the runs of this table' : 'start until ready, new data directory',
    unit: 'ms',
    value: median(ours),
    bare: median(bare),
    bareIs: `signalbox --version (${rounds} each in turn)`,
    // The aim is the whole time, not what it is beyond the baseline.
    aim: { most: 150 },
    samples: { signalbox: ours, bare },
  });
}
