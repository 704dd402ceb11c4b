// Runs of many steps: one after the other and at once, with a process each and without any.

import { spawn } from 'node:child_process';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { figure, median } from './figures.mjs';
import { API } from './server.mjs';

/** Something to connect to. */
function listen() {
  return new Promise((done) => {
    const server = net.createServer((socket) => socket.on('error', () => {}).end());
    server.listen(0, '127.0.0.1', () => done(server));
  });
}

/** What the steps do, barely: `count` connections, `width` at once. */
async function connect(port, count, width) {
  const began = performance.now();
  let next = 0;
  const client = async () => {
    while (next < count) {
      next += 1;
      await new Promise((done, fail) => {
        const socket = net.connect(port, '127.0.0.1').once('connect', () => socket.destroy()).once('close', done).once('error', fail);
      });
    }
  };
  await Promise.all(Array.from({ length: width }, client));
  return (count * 1000) / (performance.now() - began);
}

/** The script `count` times, `width` at once, without anything around it. */
function processes(script, count, width) {
  return new Promise((done, fail) => {
    const began = performance.now();
    const child = spawn('xargs', ['-P', String(width), '-n', '1', '/bin/sh', '-e', script], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(Array.from({ length: count }, (_, i) => `${i}\n`).join(''));
    child.once('error', fail);
    child.once('exit', (code) => (code === 0 ? done((count * 1000) / (performance.now() - began)) : fail(new Error(`xargs ended with ${code}`))));
  });
}

const noop = 'run: ":"';

/** One runbook for each shape. */
function documents(port, count) {
  const items = `[${Array.from({ length: count }, (_, i) => i).join(', ')}]`;
  const loop = (name, what, width) =>
    `kind: Runbook\nname: ${name}\nsteps:\n  - name: each\n    for_each: {items: ${items}, width: ${width}}\n    effect: read\n    ${what}\n`;
  const check = `check: {tcp: "127.0.0.1:${port}"}`;
  return [
    loop('bench-row', noop, 1),
    loop('bench-wide', noop, count),
    loop('bench-row-in-process', check, 1),
    loop('bench-wide-in-process', check, count),
  ].join('---\n');
}

export async function measureSteps({ server, folder, rounds, count }) {
  const script = path.join(folder, 'noop.sh');
  const listener = await listen();
  const { port } = listener.address();
  const text = documents(port, count);
  await server.call('POST', `${API}/apply`, { documents: [{ path: 'steps.yaml', text }] });
  const { runner_places: places } = await server.status();
  const cores = os.availableParallelism();
  const shapes = [
    { name: `${count} steps one after the other, a process each`, runbook: 'bench-row', bare: () => processes(script, count, 1), bareIs: 'xargs -P 1 on the same script', aim: null },
    { name: `${count} parallel steps, a process each`, runbook: 'bench-wide', bare: () => processes(script, count, cores), bareIs: `xargs -P ${cores} on the same script`, aim: { least: 0.5 } },
    { name: `${count} steps one after the other, in process`, runbook: 'bench-row-in-process', bare: () => connect(port, count, 1), bareIs: 'connections from Node.js', aim: null },
    { name: `${count} parallel steps, in process`, runbook: 'bench-wide-in-process', bare: () => connect(port, count, places), bareIs: `connections from Node.js, ${places} at once`, least: 1000 },
  ];
  const figures = [];
  try {
    for (const shape of shapes) {
      const bare = [];
      const ours = [];
      let transactions = 0;
      for (let round = 0; round < rounds; round += 1) {
        bare.push(await shape.bare());
        const before = (await server.status()).database_transactions;
        const { id } = await server.startRun(shape.runbook);
        // Told by the server and not asked for again and again, which would be measured too.
        await server.ended(id);
        const run = await server.run(id);
        if (run.state !== 'succeeded') throw new Error(`run ${id} ended ${run.state}: ${run.message}`);
        ours.push((count * 1000) / (Date.parse(run.finished_at) - Date.parse(run.started_at)));
        transactions = ((await server.status()).database_transactions - before) / count;
      }
      figures.push(
        figure({ name: shape.name, unit: 'steps/s', value: median(ours), bare: median(bare), bareIs: shape.bareIs, compare: 'ratio', aim: shape.aim, samples: { signalbox: ours, bare } }),
      );
      if (shape.least) {
        figures.push(figure({ name: '  of these, by themselves', unit: 'steps/s', value: median(ours), aim: { least: shape.least } }));
      }
      figures.push(figure({ name: '  database transactions for each step', unit: '', value: transactions, aim: { most: 4 } }));
    }
  } finally {
    listener.close();
  }
  return figures;
}
