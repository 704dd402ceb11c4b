// A step that writes a great deal, beside `cat` into a file; how much memory the server takes for it, and is it all there?

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import path from 'node:path';

import { figure, median } from './figures.mjs';
import { memory, resetPeak } from './process.mjs';
import { API } from './server.mjs';

const MIB = 1024 * 1024;

/** Lines as programs write them: alike, never the same. */
function writeSource(file, bytes) {
  const block = Buffer.alloc(16 * MIB);
  let at = 0;
  let seed = 1;
  while (at < block.length) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const line = `2026-11-01T10:${String(seed % 60).padStart(2, '0')}:${String((seed >>> 8) % 60).padStart(2, '0')}Z INFO request ${seed.toString(16)} answered in ${(seed >>> 20) % 900} ms, ${(seed >>> 4) % 100000} bytes\n`;
    at += block.write(line, at);
  }
  const fd = openSync(file, 'w');
  for (let left = bytes; left > 0; left -= block.length) writeSync(fd, block, 0, Math.min(left, block.length));
  closeSync(fd);
}

function sha256(file) {
  return new Promise((done, fail) => {
    const child = spawn('sha256sum', ['--', file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (part) => (text += part));
    child.once('error', fail);
    child.once('close', () => done(text.replace(/^\\/, '').slice(0, 64)));
  });
}

function cat(script, source, into) {
  return new Promise((done, fail) => {
    const out = openSync(into, 'w');
    const began = performance.now();
    const child = spawn('/bin/sh', ['-e', script], {
      env: { PATH: process.env.PATH, INPUT_FILE: source },
      stdio: ['ignore', out, 'inherit'],
    });
    closeSync(out);
    child.once('error', fail);
    child.once('exit', () => done(performance.now() - began));
  });
}

export async function measureOutput({ server, folder, work, rounds, bytes, say }) {
  const disk = statfsSync(work);
  const room = disk.bavail * disk.bsize;
  if (room < bytes * (2 + rounds)) {
    say(`  left out: ${bytes / MIB} MiB of output needs ${Math.ceil((bytes * (2 + rounds)) / MIB)} MiB of room here`);
    return [];
  }
  const source = path.join(work, 'source.log');
  const copy = path.join(work, 'copy.log');
  writeSource(source, bytes);
  const script = path.join(folder, 'write.sh');
  const bare = [];
  const ours = [];
  let peak = 0;
  let runId;
  for (let round = 0; round < rounds; round += 1) {
    bare.push(bytes / 1000 / (await cat(script, source, copy)));
    rmSync(copy);
    resetPeak(server.child.pid);
    const began = performance.now();
    const { id } = await server.startRun('bench-output', { file: source });
    await server.finished(id, 20);
    ours.push(bytes / 1000 / (performance.now() - began));
    peak = Math.max(peak, memory(server.child.pid, 'VmHWM'));
    runId = id;
  }
  // Nothing lost: what the server gives back is what was written, byte for byte.
  const hash = createHash('sha256');
  resetPeak(server.child.pid);
  const began = performance.now();
  let received = 0;
  await server.download(`${API}/runs/${runId}/log`, (part) => {
    received += part.length;
    hash.update(part);
  });
  const readRate = received / 1000 / (performance.now() - began);
  const whole = received === bytes && hash.digest('hex') === (await sha256(source));
  if (!whole) throw new Error(`${bytes} bytes were written, ${received} came back, or not the same`);
  const readPeak = memory(server.child.pid, 'VmHWM');

  const size = `${bytes / MIB} MiB`;
  return [
    figure({
      name: `${size} of output from one step`,
      unit: 'MB/s',
      value: median(ours),
      bare: median(bare),
      bareIs: `the same script into a file (${rounds} rounds in turn)`,
      compare: 'ratio',
      aim: { least: 0.3 },
      samples: { signalbox: ours, bare },
    }),
    figure({ name: "  the server's peak memory meanwhile", unit: 'MB', value: peak / 1e6, aim: { most: 150 } }),
    figure({ name: '  read back, whole and the same', unit: 'MB/s', value: readRate }),
    figure({ name: "  the server's peak memory meanwhile", unit: 'MB', value: readPeak / 1e6, aim: { most: 150 } }),
  ];
}
