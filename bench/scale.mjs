// Lists and filters with many runs stored, and runs that wait for a person by the hundred thousand.
//
// The rows are copies of a real run's, made with SQL while no server runs: asking for a million runs would take an hour.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { figure, median } from './figures.mjs';
import { memory } from './process.mjs';
import { API } from './server.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const RUNBOOKS = `kind: Runbook
name: bench-ended
service: storefront
steps: [{name: one, run: ":"}, {name: two, run: ":"}]
---
kind: Runbook
name: bench-parked
steps: [{name: look, manual: Is all well?}, {name: after, run: ":"}]
`;

async function pages(server, query, rounds) {
  const took = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await server.call('GET', `${API}/runs?limit=50${query}`);
    took.push(performance.now() - began);
  }
  return median(took);
}

const fill = (dataDir, runbook, count) =>
  execFileSync('python3', [path.join(here, 'fill.py'), path.join(dataDir, 'signalbox.db'), runbook, String(count)], { stdio: ['ignore', 'inherit', 'inherit'] });

export async function measureScale({ start, stop, work, few, many, parked, rounds }) {
  const figures = [];
  const dataDir = path.join(work, 'scale');
  let server = await start(dataDir);
  await server.call('POST', `${API}/apply`, { documents: [{ path: 'scale.yaml', text: RUNBOOKS }] });
  await server.finished((await server.startRun('bench-ended')).id);
  await server.startRun('bench-parked');
  const emptyMs = server.startMs;
  await stop(server);

  const queries = { '': 'newest', '&runbook=bench-ended': 'of one runbook', '&state=failed': 'in a state that none has', '&state=succeeded': 'in a state that all have', '&text=storefront': 'by text' };
  const times = {};
  for (const count of [few, many]) {
    fill(dataDir, 'bench-ended', count);
    server = await start(dataDir);
    for (const query of Object.keys(queries)) {
      await pages(server, query, 3);
      (times[query] ??= []).push(await pages(server, query, rounds));
    }
    await stop(server);
  }
  for (const [query, [small, large]] of Object.entries(times)) {
    figures.push(figure({ name: `a page of runs, ${queries[query]}, ${many} stored`, unit: 'ms', value: large, bare: small, bareIs: `the same with ${few} stored`, compare: 'ratio' }));
    figures.push(figure({ name: '  by itself', unit: 'ms', value: large, aim: { most: 50 } }));
  }

  fill(dataDir, 'bench-parked', parked);
  server = await start(dataDir);
  const rss = memory(server.child.pid, 'VmRSS') / 1e6;
  const before = (await server.status()).database_transactions;
  await new Promise((done) => setTimeout(done, 5000));
  const idle = (await server.status()).database_transactions - before;
  figures.push(figure({ name: `start until ready with ${parked} parked runs`, unit: 'ms', value: server.startMs, bare: emptyMs, bareIs: 'with none', compare: 'ratio' }));
  figures.push(figure({ name: '  memory', unit: 'MB', value: rss, aim: { most: 60 } }));
  figures.push(figure({ name: '  transactions in 5 s', unit: '', value: idle, aim: { most: 5 } }));
  const list = await server.call('GET', `${API}/runs?limit=1&runbook=bench-parked`);
  const began = performance.now();
  await server.call('POST', `${API}/runs/${list.items[0].id}/steps/look/answer`, { done: true });
  await server.finished(list.items[0].id);
  figures.push(figure({ name: '  one of them answered, until it has ended', unit: 'ms', value: performance.now() - began }));
  await stop(server);
  return figures;
}
