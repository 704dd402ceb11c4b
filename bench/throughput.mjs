// Runs of a script that does nothing, per second, beside xargs on the same script.

import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';

import { figure, median } from './figures.mjs';
import { isEnd } from './server.mjs';

const CLIENTS = 16;

function xargs(script, count, parallel) {
  return new Promise((done, fail) => {
    const began = performance.now();
    const child = spawn('xargs', ['-P', String(parallel), '-n', '1', '/bin/sh', '-e', script], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.stdin.end(Array.from({ length: count }, (_, i) => `${i}\n`).join(''));
    child.once('error', fail);
    child.once('exit', (code) => {
      if (code === 0) done((count * 1000) / (performance.now() - began));
      else fail(new Error(`xargs ended with ${code}`));
    });
  });
}

/** Asks for `count` runs from several clients and waits for the end of the last. */
async function perform(server, count) {
  const asked = new Set();
  const ended = new Map();
  let complete;
  const all = new Promise((done) => {
    complete = done;
  });
  const check = () => {
    if (asked.size === count && [...asked].every((id) => ended.has(id))) complete(performance.now());
  };
  const watch = await server.watch((run) => {
    if (!isEnd(run.state)) return;
    ended.set(run.id, run.state);
    if (ended.size >= count) check();
  });
  const overdue = setTimeout(() => complete(null), 120_000);
  try {
    const began = performance.now();
    let next = 0;
    const client = async () => {
      while (next < count) {
        next += 1;
        asked.add((await server.startRun('bench-noop')).id);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    const accepted = performance.now() - began;
    check();
    const moment = await all;
    if (moment === null) throw new Error(`${count - ended.size} of ${count} runs did not end within two minutes`);
    const bad = [...asked].filter((id) => ended.get(id) !== 'succeeded');
    if (bad.length > 0) throw new Error(`${bad.length} of ${count} runs did not succeed, first ${bad[0]}: ${ended.get(bad[0])}`);
    return { perSecond: (count * 1000) / (moment - began), acceptedPerSecond: (count * 1000) / accepted };
  } finally {
    clearTimeout(overdue);
    watch.close();
  }
}

export async function measureThroughput({ server, folder, rounds, count, serverParallel }) {
  const script = path.join(folder, 'noop.sh');
  const cores = os.availableParallelism();
  const widths = [...new Set([cores, serverParallel])];
  const bare = new Map(widths.map((width) => [width, []]));
  const ours = [];
  const accepted = [];
  await xargs(script, 50, cores);
  await perform(server, 20);
  for (let round = 0; round < rounds; round += 1) {
    for (const width of widths) bare.get(width).push(await xargs(script, count, width));
    const { perSecond, acceptedPerSecond } = await perform(server, count);
    ours.push(perSecond);
    accepted.push(acceptedPerSecond);
  }
  const figures = widths.map((width) =>
    figure({
      name: `no-op runs, bare at ${width} in parallel`,
      unit: '/s',
      value: median(ours),
      bare: median(bare.get(width)),
      bareIs: `xargs -P ${width} on the same script (${count} each, ${rounds} rounds in turn)`,
      compare: 'ratio',
      aim: { least: 0.5 },
      samples: { signalbox: ours, bare: bare.get(width) },
    }),
  );
  figures.push(figure({ name: `  of these, accepted (${CLIENTS} clients)`, unit: '/s', value: median(accepted) }));
  return figures;
}
