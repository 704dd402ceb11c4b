#!/usr/bin/env node
// `make bench`: one table, and bench/results/latest.json. Every figure stands beside a bare baseline of the same run,
// measured in turn with it, because machines differ and are busy.
//
//   node bench/bench.mjs [--quick] [--only NAME,...]     SIGNALBOX_BIN names another binary

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { measureColdStart } from './cold-start.mjs';
import { figure, table } from './figures.mjs';
import { measureIdle } from './idle.mjs';
import { measureOutput } from './output.mjs';
import { measureScale } from './scale.mjs';
import { memory } from './process.mjs';
import { Server } from './server.mjs';
import { measureStartLatency } from './start-latency.mjs';
import { measureSteps } from './steps.mjs';
import { measureThroughput } from './throughput.mjs';
import { measureFacts, measureProbes, measureServices } from './view.mjs';

const MIB = 1024 * 1024;
const NAMES = ['start', 'idle', 'latency', 'throughput', 'steps', 'output', 'scale', 'probes', 'services', 'facts', 'size'];
const LIMIT_MS = 30 * 60_000;

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } } });
const only = options.only ? options.only.split(',') : NAMES;
for (const name of only) {
  if (!NAMES.includes(name)) {
    console.error(`There is no ${name}; there are ${NAMES.join(', ')}.`);
    process.exit(2);
  }
}
const wanted = (name) => only.includes(name);
const pick = (full, quick) => (options.quick ? quick : full);
const say = (line) => console.error(line);

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.join(here, 'runbooks');
const bin = path.resolve(process.env.SIGNALBOX_BIN || path.join(here, '../target/release/signalbox'));
if (!existsSync(bin)) {
  console.error(`${bin} is missing: make build`);
  process.exit(1);
}

// On the disk where the project lies, as an installation's data would: /tmp may be memory.
const results = path.join(here, 'results');
mkdirSync(results, { recursive: true });
const work = mkdtempSync(path.join(results, 'work-'));
const servers = new Set();
async function start(dataDir) {
  const server = await Server.start(bin, dataDir);
  servers.add(server);
  return server;
}
async function stop(server) {
  await server.stop();
  servers.delete(server);
}
function abandon(code) {
  for (const server of servers) server.child.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
  process.exit(code);
}
process.once('SIGINT', () => abandon(130));
process.once('SIGTERM', () => abandon(143));
setTimeout(() => {
  say(`The benchmark took more than ${LIMIT_MS / 60_000} minutes and is given up.`);
  abandon(1);
}, LIMIT_MS).unref();

async function measure() {
  const figures = [];
  if (wanted('start')) {
    say('start until ready');
    figures.push(await measureColdStart({ bin, work, rounds: pick(15, 4) }));
  }

  const dataDir = path.join(work, 'data');
  let server = await start(dataDir);
  if (wanted('idle')) {
    say('idle');
    figures.push(...(await measureIdle({ server, seconds: pick(20, 5) })));
  }
  await server.apply(folder);
  if (wanted('latency')) {
    say('start to process');
    figures.push(...(await measureStartLatency({ server, folder, work, rounds: pick(5, 2), perRound: pick(80, 25) })));
  }
  if (wanted('throughput')) {
    say('no-op runs');
    const { runner_places: serverParallel } = await server.status();
    figures.push(...(await measureThroughput({ server, folder, rounds: pick(5, 2), count: pick(500, 150), serverParallel })));
  }
  if (wanted('steps')) {
    say('runs of many steps');
    figures.push(...(await measureSteps({ server, folder, rounds: pick(3, 1), count: pick(1000, 200) })));
  }
  if (wanted('output')) {
    say('output');
    figures.push(...(await measureOutput({ server, folder, work, rounds: pick(2, 1), bytes: pick(1024, 128) * MIB, say })));
  }
  if (wanted('idle')) {
    figures.push(figure({ name: 'memory after all of this', unit: 'MB', value: memory(server.child.pid, 'VmRSS') / 1e6 }));
  }
  await stop(server);
  if (wanted('start')) {
    figures.push(await measureColdStart({ bin, work, rounds: pick(15, 4), dataDir }));
  }

  if (wanted('scale')) {
    say('many runs stored');
    const many = pick({ few: 10_000, many: 1_000_000, parked: 100_000 }, { few: 1000, many: 20_000, parked: 2000 });
    figures.push(...(await measureScale({ start, stop, work, rounds: 20, ...many })));
  }

  if (wanted('probes')) {
    say('a thousand probes a minute');
    const probes = pick({ probes: 1000, everyS: 60, seconds: 60 }, { probes: 100, everyS: 6, seconds: 12 });
    figures.push(...(await measureProbes({ start, stop, work, bin, ...probes })));
  }
  if (wanted('services')) {
    say('many services, and one with a long history');
    figures.push(...(await measureServices({ start, stop, work, services: pick(1000, 200), rounds: pick(200, 30) })));
  }
  if (wanted('facts')) {
    say('facts that change');
    figures.push(...(await measureFacts({ start, stop, work, collectors: 20, facts: 500, seconds: pick(20, 5) })));
  }

  if (wanted('size')) {
    figures.push(
      figure({
        name: 'size of the binary',
        unit: 'MB',
        value: statSync(bin).size / 1e6,
        bare: statSync(process.execPath).size / 1e6,
        bareIs: 'node',
        aim: { most: 60 },
      }),
    );
  }
  return figures;
}

const began = performance.now();
try {
  const loadBefore = os.loadavg()[0];
  const figures = await measure();
  const report = {
    at: new Date().toISOString(),
    quick: options.quick,
    seconds: Math.round((performance.now() - began) / 1000),
    version: execFileSync(bin, ['--version'], { encoding: 'utf8' }).trim(),
    machine: {
      cores: os.availableParallelism(),
      cpu: os.cpus()[0]?.model,
      memory_mb: Math.round(os.totalmem() / 1e6),
      kernel: os.release(),
      load_before: loadBefore,
    },
    figures,
  };
  const file = path.join(results, 'latest.json');
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(table(figures));
  const short = figures.filter((f) => f.met === false).length;
  console.log(
    `\n${report.machine.cores} cores, load ${loadBefore.toFixed(2)} before, ${report.seconds} s; ${short === 0 ? 'every aim is met' : `${short} short of their aim`}; ${path.relative(process.cwd(), file)}`,
  );
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  for (const server of servers) await server.stop();
  rmSync(work, { recursive: true, force: true });
}
