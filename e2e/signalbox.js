// Starts the real program for one journey, and takes it away again.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const BIN = resolve(process.env.SIGNALBOX_BIN ?? join(here, '../target/debug/signalbox'));
const FIXTURES = join(here, 'fixtures');
const READY_MS = 20_000;

const run = promisify(execFile);

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

function wait(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/** A server with its own data directory and the fixtures applied. */
export class Signalbox {
  static async start() {
    const dir = await mkdtemp(join(tmpdir(), 'signalbox-e2e-'));
    const box = new Signalbox(dir, await freePort());
    try {
      await box.serve();
      box.token = (await readFile(join(dir, 'data', 'admin.token'), 'utf8')).trim();
      await box.cli('apply', FIXTURES);
    } catch (error) {
      await box.stop();
      throw error;
    }
    return box;
  }

  constructor(dir, port) {
    this.dir = dir;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.token = '';
    this.log = '';
    this.server = null;
  }

  /** Starts the server, or starts it again on the same data and port. */
  async serve() {
    const args = ['server', '--data-dir', join(this.dir, 'data'), '--listen', `127.0.0.1:${this.port}`];
    const server = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment() });
    for (const stream of [server.stdout, server.stderr]) {
      stream.on('data', (text) => (this.log += text));
    }
    server.on('error', (error) => (this.log += `${error}\n`));
    this.server = server;
    const until = Date.now() + READY_MS;
    while (Date.now() < until && server.exitCode === null) {
      const ready = await fetch(`${this.url}/readyz`).catch(() => null);
      if (ready?.ok) {
        return;
      }
      await wait(50);
    }
    throw new Error(`the server did not come up:\n${this.log}`);
  }

  /** Runs a command of the program as the administrator, or with another token. */
  async cli(...args) {
    const { stdout } = await run(BIN, args, { env: this.#environment(), maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  /** Makes a further principal; answers with its token. */
  async person(name, role = 'member') {
    return (await this.cli('tokens', 'create', name, '--role', role)).trim().split('\n').at(-1);
  }

  /** Starts a run and answers with its id at once. */
  async start(runbook, inputs = {}, reason = null) {
    const given = Object.entries(inputs).flatMap(([name, value]) => ['-i', `${name}=${value}`]);
    const why = reason === null ? [] : ['--reason', reason];
    const answer = await this.cli('run', runbook, ...given, ...why, '--detach', '--json');
    return JSON.parse(answer).id;
  }

  async show(run) {
    return JSON.parse(await this.cli('runs', 'show', run, '--json'));
  }

  /** Waits until a run has ended. */
  async ended(run, ms = 30_000) {
    const until = Date.now() + ms;
    for (;;) {
      const view = await this.show(run);
      if (view.finished_at) {
        return view;
      }
      if (Date.now() > until) {
        throw new Error(`run ${run} is still ${view.state}`);
      }
      await wait(100);
    }
  }

  async halt(signal = 'SIGTERM') {
    const { server } = this;
    this.server = null;
    if (server && server.exitCode === null && server.signalCode === null) {
      server.kill(signal);
      const late = setTimeout(() => server.kill('SIGKILL'), 15_000);
      await once(server, 'exit');
      clearTimeout(late);
    }
  }

  /**
   * Ends what still runs for this server: a shim and its step live on when the server goes. Found by the folder of its data,
   * so that no other server's are touched.
   */
  async endShims() {
    const shims = [];
    const steps = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const [line, folder, stat] = await Promise.all([
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
        readlink(`/proc/${pid}/cwd`).catch(() => ''),
        readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
      ]);
      if (Number(pid) !== this.server?.pid && (line.includes(this.dir) || folder.startsWith(this.dir))) {
        const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
        const above = await readFile(`/proc/${parent}/cmdline`, 'utf8').catch(() => '');
        steps.push(Number(pid));
        if (above.startsWith('signalbox\0shim')) {
          shims.push(Number(parent));
        }
      }
    }
    // A shim first, else it writes down how its step ended.
    for (const pid of new Set([...shims, ...steps])) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It went by itself.
      }
    }
  }

  async stop() {
    await this.halt();
    await this.endShims();
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  #environment() {
    const { PATH, LANG, TZ } = process.env;
    const own = { PATH, LANG: LANG ?? 'C.UTF-8', HOME: this.dir, SIGNALBOX_URL: this.url };
    return { ...own, ...(TZ ? { TZ } : {}), ...(this.token ? { SIGNALBOX_TOKEN: this.token } : {}) };
  }
}
