// The view under load: a thousand probes a minute, a thousand services in a list, a service with ninety days of history, and
// collectors that see something else each time.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { figure, median, quantile } from './figures.mjs';
import { childCpuSeconds, memory, wholeCpuSeconds } from './process.mjs';
import { API } from './server.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const number = (count) => String(count).padStart(4, '0');

const service = (name) => `kind: Service\nname: ${name}\ntitle: The service ${name}\ntier: ${1 + (name.length % 4)}\nenvironments: [production, staging]\n`;

/** Publishes documents, some hundred at once. */
async function publish(server, documents) {
  for (let at = 0; at < documents.length; at += 250) {
    const part = documents.slice(at, at + 250);
    await server.call('POST', `${API}/apply`, {
      documents: part.map((text, place) => ({ path: `view-${number(at + place)}.yaml`, text })),
    });
  }
}

/** All processes of the server's program: itself, and the shims under which steps live. */
function processesOf(bin) {
  const file = realpathSync(bin);
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/exe`) === file) found.push(pid);
    } catch {
      // It has ended, or is a kernel's.
    }
  }
  return found;
}

function cpuOfAll(bin) {
  let seconds = 0;
  for (const pid of processesOf(bin)) {
    try {
      seconds += wholeCpuSeconds(pid);
    } catch {
      // It has ended: its parent has its time.
    }
  }
  return seconds;
}

/** `sh -c true`, so many evenly over the seconds: what they and their starts take of the processor. */
async function bareShells(count, seconds) {
  const before = childCpuSeconds(process.pid);
  const began = performance.now();
  const ended = [];
  for (let started = 0; started < count; started += 1) {
    const due = (started * seconds * 1000) / count;
    const left = due - (performance.now() - began);
    if (left > 0) await pause(left);
    const child = spawn('sh', ['-c', 'true'], { stdio: 'ignore' });
    ended.push(new Promise((done, fail) => child.once('exit', done).once('error', fail)));
  }
  await Promise.all(ended);
  return childCpuSeconds(process.pid) - before;
}

/** The samples of `/metrics`, by their line without the value. */
async function metrics(server) {
  const text = await server.text('/metrics');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

/** A quantile of what a histogram counted between two looks: within a bucket as if it were spread evenly. */
function quantileOf(name, q, before, after) {
  const buckets = [];
  for (const [series, count] of after) {
    if (!series.startsWith(`${name}_bucket{`)) continue;
    const le = /le="([^"]+)"/.exec(series)[1];
    buckets.push([le === '+Inf' ? Infinity : Number(le), count - (before.get(series) ?? 0)]);
  }
  buckets.sort((a, b) => a[0] - b[0]);
  const wanted = q * buckets.at(-1)[1];
  let [below, counted] = [0, 0];
  for (const [bound, upTo] of buckets) {
    if (upTo >= wanted) return bound === Infinity ? below : below + ((bound - below) * (wanted - counted)) / Math.max(1, upTo - counted);
    [below, counted] = [bound, upTo];
  }
  return below;
}

export async function measureProbes({ start, stop, work, bin, probes, everyS, seconds }) {
  const server = await start(path.join(work, 'probes'));
  const documents = [];
  for (let at = 0; at < probes; at += 1) {
    // Ten for each service.
    if (at % 10 === 0) documents.push(service(`bench-${at / 10}`));
    documents.push(
      `kind: Runbook\nname: probe-${number(at)}\nprobe: {service: bench-${Math.floor(at / 10)}, environment: production, every: ${everyS}s}\nsteps: [{command: [sh, -c, 'true'], effect: read}]\n`,
    );
  }
  await publish(server, documents);
  // Each has looked twice: from now on it is as it will be for months.
  await pause((2 * everyS + 5) * 1000);
  const requested = 'signalbox_runs_requested_total{by="probe"}';
  const bad = 'signalbox_runs_finished_total{by="probe",state="failed"}';
  const before = await metrics(server);
  const cpuBefore = cpuOfAll(bin);
  const used = Number(before.get('process_cpu_seconds_total'));
  await pause(seconds * 1000);
  const cpu = cpuOfAll(bin) - cpuBefore;
  const after = await metrics(server);
  const ran = after.get(requested) - before.get(requested);
  if (after.get(bad)) throw new Error(`${after.get(bad)} probes failed that cannot fail`);
  const bare = await bareShells(ran, seconds);
  const late = quantileOf('signalbox_firing_lateness_seconds', 0.99, before, after);
  const rss = memory(server.child.pid, 'VmRSS') / 1e6;
  const own = Number(after.get('process_cpu_seconds_total')) - used;
  await stop(server);
  const rate = Math.round((ran * 60) / seconds);
  const name = `${rate} probes a minute`;
  return [
    figure({ name: `${name} for ${seconds} s: CPU with all children`, unit: 's', value: cpu, bare, bareIs: `${ran} \`sh -c true\` in as long`, compare: 'ratio' }),
    figure({ name: '  of this, the server itself', unit: 's', value: own }),
    figure({ name: '  of one processor, percent', unit: '', value: (cpu * 100) / seconds, aim: { most: 25 } }),
    figure({ name: '  started late, p99', unit: 'ms', value: late * 1000, aim: { most: 1000 } }),
    figure({ name: '  memory of the server', unit: 'MB', value: rss, aim: { most: 80 } }),
    figure({ name: '  expected in that time, and run', unit: '/s', value: ran / seconds, bare: probes / everyS, bareIs: 'as their intervals say', compare: 'ratio', aim: { least: 0.98 } }),
  ];
}

/** How long an answer takes until its first byte, and until its last; and how many bytes it has. */
function timed({ port, token, agent }, route) {
  return new Promise((done, fail) => {
    const began = performance.now();
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const request = http.get({ host: '127.0.0.1', port, path: route, headers, agent }, (answer) => {
      const first = performance.now() - began;
      let bytes = 0;
      answer.on('data', (part) => {
        bytes += part.length;
      });
      answer.on('error', fail);
      answer.on('end', () => {
        if (answer.statusCode !== 200) fail(new Error(`GET ${route}: ${answer.statusCode}`));
        else done({ first, all: performance.now() - began, bytes });
      });
    });
    request.on('error', fail);
  });
}

/** A bare HTTP server that answers with so many bytes. */
async function bareServer(bytes) {
  const body = Buffer.alloc(bytes, ' ');
  const server = http.createServer((_, answer) => answer.end(body));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { port: server.address().port, agent: new http.Agent({ keepAlive: true }), close: () => server.close() };
}

async function inTurn(server, routes, rounds) {
  for (let warm = 0; warm < 3; warm += 1) for (const route of routes) await timed(server, route);
  const bares = [];
  for (const route of routes) bares.push(await bareServer((await timed(server, route)).bytes));
  const taken = routes.map(() => ({ ours: [], first: [], bare: [] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [place, route] of routes.entries()) {
      const { first, all } = await timed(server, route);
      taken[place].first.push(first);
      taken[place].ours.push(all);
      taken[place].bare.push((await timed(bares[place], '/')).first);
    }
  }
  for (const bare of bares) {
    bare.agent.destroy();
    bare.close();
  }
  return taken;
}

export async function measureServices({ start, stop, work, services, rounds }) {
  const dataDir = path.join(work, 'services');
  let server = await start(dataDir);
  const documents = [];
  for (let at = 0; at < services; at += 1) {
    const name = `service-${number(at)}`;
    const needs = at > 0 ? `depends_on: [service-${number(Math.floor(at / 2))}]\n` : '';
    // They are not run while this measures: each has looked long ago.
    documents.push(
      `${service(name)}${needs}---\nkind: Runbook\nname: check-${name}\nprobe: {service: ${name}, environment: production, every: 24h}\nsteps: [{command: ['true'], effect: read}]\n---\n` +
        `kind: Runbook\nname: look-at-${name}\ncollects: {service: ${name}, environment: production, every: 24h, expire: 48h}\nsteps: [{command: ['true'], effect: read}]\n---\n` +
        `kind: Runbook\nname: restart-${name}\nservice: ${name}\nsteps: [{command: ['true']}]\n`,
    );
  }
  await publish(server, documents);
  for (let count = 0; count < 100; count += 1) await server.startRun('restart-service-0000');
  await pause(2000);
  await stop(server);
  execFileSync('python3', [path.join(here, 'fill-view.py'), path.join(dataDir, 'signalbox.db'), 'service-0000'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });

  server = await start(dataDir);
  const figures = [];
  const [list] = await inTurn(server, [`${API}/services?limit=50`], rounds);
  figures.push(
    figure({ name: `a page of ${services} services, first byte p50`, unit: 'ms', value: median(list.first), bare: median(list.bare), bareIs: 'a bare server with as many bytes', compare: 'ratio' }),
    figure({ name: '  by itself', unit: 'ms', value: median(list.first), aim: { most: 50 } }),
    figure({ name: '  p99', unit: 'ms', value: quantile(list.first, 0.99), bare: quantile(list.bare, 0.99), bareIs: 'the same', compare: 'ratio' }),
  );

  const page = `${API}/services/service-0000`;
  const parts = { 'the service': page, health: `${page}/health`, facts: `${page}/facts`, happenings: `${page}/happenings` };
  const taken = await inTurn(server, Object.values(parts), rounds);
  const sums = taken[0].ours.map((_, round) => taken.reduce((sum, part) => sum + part.ours[round], 0));
  const bareSums = taken[0].bare.map((_, round) => taken.reduce((sum, part) => sum + part.bare[round], 0));
  figures.push(
    figure({ name: 'a service with ninety days of history, all parts of its page, p50', unit: 'ms', value: median(sums), bare: median(bareSums), bareIs: 'a bare server with as many bytes each', compare: 'ratio' }),
    figure({ name: '  by itself', unit: 'ms', value: median(sums), aim: { most: 100 } }),
    figure({ name: '  p99', unit: 'ms', value: quantile(sums, 0.99) }),
  );
  for (const [place, name] of Object.keys(parts).entries()) {
    figures.push(figure({ name: `  ${name}, p50`, unit: 'ms', value: median(taken[place].ours) }));
  }
  const [figuresOfAll] = await inTurn(server, ['/metrics'], Math.ceil(rounds / 4));
  figures.push(figure({ name: `/metrics of ${services} services, p50`, unit: 'ms', value: median(figuresOfAll.ours), bare: median(figuresOfAll.bare), bareIs: 'a bare server with as many bytes', compare: 'ratio', aim: { most: 100 } }));
  await stop(server);
  return figures;
}

export async function measureFacts({ start, stop, work, collectors, facts, seconds }) {
  const dataDir = path.join(work, 'facts');
  const server = await start(dataDir);
  const documents = [service('bench')];
  for (let at = 0; at < collectors; at += 1) {
    documents.push(
      `kind: Runbook\nname: collect-${number(at)}\ncollects: {service: bench, environment: production, every: 1s, expire: 1h}\nsteps:\n  - run: |\n      now=$(date +%s%N)\n      seq -f "key_%.0f=$now" 1 ${facts} >> "$SIGNALBOX_FACTS"\n    effect: read\n`,
    );
  }
  await publish(server, documents);
  await pause(3000);
  const began = performance.now();
  await pause(seconds * 1000);
  const took = performance.now() - began;
  await stop(server);
  const spec = ['--facts', path.join(dataDir, 'signalbox.db'), String(facts), mkdtempSync(path.join(work, 'bare-'))];
  const said = JSON.parse(execFileSync('python3', [path.join(here, 'fill-view.py'), ...spec, String(took / 1000)], { encoding: 'utf8' }));
  return [
    figure({ name: `changed facts taken in, ${collectors} collectors of ${facts} each second`, unit: '/s', value: said.ours, bare: said.bare, bareIs: 'plain inserts and updates in SQLite, a commit for each collection', compare: 'ratio' }),
    figure({ name: '  of those that were seen', unit: '/s', value: said.ours, bare: collectors * facts, bareIs: 'as their intervals say', compare: 'ratio' }),
  ];
}

