// What a server costs that has nothing to do: memory, CPU, database transactions; beside `sleep`.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { figure } from './figures.mjs';
import { cpuSeconds, memory } from './process.mjs';

/** Database transactions so far, as the server counts them. */
async function transactions(server) {
  const status = await server.call('GET', '/api/v1/status');
  const count = status?.database_transactions;
  if (typeof count !== 'number') throw new Error('GET /api/v1/status does not name database_transactions');
  return count;
}

/** Commits in SQLite's write-ahead log: https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
export function walCommits(file) {
  if (!existsSync(file)) return 0;
  const wal = readFileSync(file);
  if (wal.length < 32) return 0;
  const frame = 24 + wal.readUInt32BE(8);
  let commits = 0;
  for (let at = 32; at + frame <= wal.length; at += frame) {
    const current = wal.readUInt32BE(at + 8) === wal.readUInt32BE(16) && wal.readUInt32BE(at + 12) === wal.readUInt32BE(20);
    if (!current) break;
    // The size of the database after the commit; 0 in the other frames of a transaction.
    if (wal.readUInt32BE(at + 4) !== 0) commits += 1;
  }
  return commits;
}

export async function measureIdle({ server, seconds, say }) {
  const pid = server.child.pid;
  const bare = spawn('sleep', ['3600'], { stdio: 'ignore' });
  try {
    // Let what the start began come to rest.
    await pause(2000);
    let perQuestion = null;
    let before = null;
    try {
      // Asking costs transactions too: as many as lie between two questions.
      const first = await transactions(server);
      before = await transactions(server);
      perQuestion = before - first;
    } catch (error) {
      say(`  transactions are not counted: ${error.message}`);
    }
    const cpuBefore = cpuSeconds(pid);
    const bareBefore = cpuSeconds(bare.pid);
    await pause(seconds * 1000);
    const cpu = cpuSeconds(pid) - cpuBefore;
    const bareCpu = cpuSeconds(bare.pid) - bareBefore;
    const rss = memory(pid, 'VmRSS');
    const figures = [
      figure({
        name: 'idle memory, just started',
        unit: 'MB',
        value: rss / 1e6,
        bare: memory(bare.pid, 'VmRSS') / 1e6,
        bareIs: 'sleep',
        aim: { most: 40 },
      }),
      figure({ name: `idle CPU over ${seconds} s`, unit: 's', value: cpu, bare: bareCpu, bareIs: 'sleep' }),
    ];
    if (before !== null) {
      const count = (await transactions(server)) - before - perQuestion;
      figures.push(
        figure({ name: `database transactions over ${seconds} s idle`, unit: 'count', value: count, bare: 0, bareIs: 'sleep', aim: { most: seconds } }),
      );
    }
    return figures;
  } finally {
    bare.kill();
  }
}
