// From the API call until the script's first instruction, beside a small shell that starts the same script.

import { execFileSync, spawn } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { figure, median, quantile } from './figures.mjs';

/** A named pipe that scripts write a line to. */
class Bell {
  constructor(file) {
    execFileSync('mkfifo', [file]);
    this.file = file;
    // Held open for writing too, so that a script never waits for a reader and the pipe never ends.
    this.socket = new net.Socket({ fd: openSync(file, constants.O_RDWR | constants.O_NONBLOCK), readable: true, writable: false });
    this.socket.on('data', () => this.wake?.(performance.now()));
  }

  /** The moment of the next ring. */
  ring(deadlineMs = 20_000) {
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error('no script rang the bell')), deadlineMs);
      this.wake = (moment) => {
        clearTimeout(timer);
        this.wake = null;
        done(moment);
      };
    });
  }

  close() {
    this.socket.destroy();
  }
}

/** The barest thing that starts a script when told to: a shell that reads a line and forks. */
class BareStarter {
  constructor(script, env) {
    this.child = spawn('/bin/sh', ['-c', 'while read -r _; do /bin/sh -e "$0"; echo; done', script], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  start() {
    this.child.stdin.write('\n');
  }

  /** The script has ended. */
  ended() {
    return new Promise((done) => this.child.stdout.once('data', done));
  }

  close() {
    this.child.stdin.end();
  }
}

export async function measureStartLatency({ server, folder, work, rounds, perRound }) {
  const bell = new Bell(path.join(work, 'bell'));
  const bareStarter = new BareStarter(path.join(folder, 'ring.sh'), { INPUT_BELL: bell.file });
  const bare = [];
  const ours = [];
  try {
    for (let round = 0; round <= rounds; round += 1) {
      // Round 0 warms up and is not counted.
      const count = round === 0 ? 5 : perRound;
      for (let i = 0; i < count; i += 1) {
        const ended = bareStarter.ended();
        const rings = bell.ring();
        const began = performance.now();
        bareStarter.start();
        const took = (await rings) - began;
        await ended;
        if (round > 0) bare.push(took);
      }
      for (let i = 0; i < count; i += 1) {
        const rings = bell.ring();
        const began = performance.now();
        const started = server.startRun('bench-ring', { bell: bell.file });
        const took = (await Promise.race([rings, started.then(() => rings)])) - began;
        await server.finished((await started).id);
        if (round > 0) ours.push(took);
      }
    }
  } finally {
    bareStarter.close();
    bell.close();
  }
  const bareIs = `sh forks the same script (${bare.length} each, ${rounds} rounds in turn)`;
  return [
    figure({
      name: 'start to process, p50',
      unit: 'ms',
      value: median(ours),
      bare: median(bare),
      bareIs,
      compare: 'difference',
      aim: { most: 3 },
      samples: { signalbox: ours, bare },
    }),
    figure({
      name: 'start to process, p99',
      unit: 'ms',
      value: quantile(ours, 0.99),
      bare: quantile(bare, 0.99),
      bareIs,
      compare: 'difference',
      aim: { most: 15 },
    }),
  ];
}
