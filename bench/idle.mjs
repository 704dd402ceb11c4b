// What a server costs that has nothing to do: memory, CPU, database transactions; beside `sleep`.

import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

import { figure } from './figures.mjs';
import { cpuSeconds, memory } from './process.mjs';

/** Database transactions so far, as the server counts them. */
const transactions = async (server) => (await server.status()).database_transactions;

export async function measureIdle({ server, seconds }) {
  const pid = server.child.pid;
  const bare = spawn('sleep', ['3600'], { stdio: 'ignore' });
  try {
    // Let what the start began come to rest.
    await pause(2000);
    // Asking costs transactions too: as many as lie between two questions.
    const first = await transactions(server);
    const before = await transactions(server);
    const perQuestion = before - first;
    const cpuBefore = cpuSeconds(pid);
    const bareBefore = cpuSeconds(bare.pid);
    await pause(seconds * 1000);
    const cpu = cpuSeconds(pid) - cpuBefore;
    const bareCpu = cpuSeconds(bare.pid) - bareBefore;
    const rss = memory(pid, 'VmRSS');
    const idleTransactions = (await transactions(server)) - before - perQuestion;
    return [
      figure({
        name: 'idle memory, just started',
        unit: 'MB',
        value: rss / 1e6,
        bare: memory(bare.pid, 'VmRSS') / 1e6,
        bareIs: 'sleep',
        aim: { most: 40 },
      }),
      figure({ name: `idle CPU over ${seconds} s`, unit: 's', value: cpu, bare: bareCpu, bareIs: 'sleep' }),
      figure({
        name: `database transactions over ${seconds} s idle`,
        unit: 'count',
        value: idleTransactions,
        bare: 0,
        bareIs: 'sleep',
        aim: { most: seconds },
      }),
    ];
  } finally {
    bare.kill();
  }
}
