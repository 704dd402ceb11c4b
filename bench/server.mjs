// A signalbox server under measurement, and its API.

import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

export const API = '/api/v1/projects/default';
const ENDED = new Set(['succeeded', 'failed', 'canceled', 'unknown']);

export const isEnd = (state) => ENDED.has(state);

/** A TCP port that is free now. */
export function freePort() {
  return new Promise((done, fail) => {
    const probe = net.createServer().once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

export class Server {
  /** Starts a server on `dataDir` and waits until it is ready; `startMs` says how long that took. */
  static async start(bin, dataDir, deadlineMs = 30_000) {
    const port = await freePort();
    const log = openSync(`${dataDir}.log`, 'a');
    const began = performance.now();
    const child = spawn(bin, ['server', '--data-dir', dataDir, '--listen', `127.0.0.1:${port}`], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const server = new Server(child, port, dataDir);
    const failed = new Promise((_, fail) => child.once('error', fail));
    await Promise.race([failed, server.#ready(began + deadlineMs)]);
    server.startMs = performance.now() - began;
    server.token = readFileSync(path.join(dataDir, 'admin.token'), 'utf8').trim();
    return server;
  }

  constructor(child, port, dataDir) {
    this.child = child;
    this.port = port;
    this.dataDir = dataDir;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  async #ready(deadline) {
    while (performance.now() < deadline) {
      if (this.child.exitCode !== null) {
        throw new Error(`the server ended with ${this.child.exitCode}:\n${readFileSync(`${this.dataDir}.log`, 'utf8')}`);
      }
      const status = await new Promise((done) => {
        const request = http.get({ host: '127.0.0.1', port: this.port, path: '/readyz', agent: false }, (answer) => {
          answer.resume();
          done(answer.statusCode);
        });
        request.on('error', () => done(0));
      });
      if (status === 200) return;
      await pause(1);
    }
    throw new Error('the server did not become ready');
  }

  /** SIGTERM, and SIGKILL for what does not listen. */
  async stop() {
    this.agent.destroy();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }

  #request(method, route, body, onAnswer, onError) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = { authorization: `Bearer ${this.token}` };
    if (text !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = Buffer.byteLength(text);
      headers['idempotency-key'] = randomUUID();
    }
    const send = () => {
      const request = http.request({ host: '127.0.0.1', port: this.port, method, path: route, headers, agent: this.agent }, onAnswer);
      request.on('error', (error) => {
        // A connection kept open may be closed just as it is used again; the key makes a second try safe.
        if (request.reusedSocket && error.code === 'ECONNRESET') send();
        else onError(error);
      });
      request.end(text);
    };
    send();
  }

  /** The answer's JSON; any status from 300 on is an error. */
  call(method, route, body) {
    return new Promise((done, fail) => {
      this.#request(method, route, body, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', fail);
        answer.on('end', () => {
          const text = Buffer.concat(parts).toString();
          if (answer.statusCode >= 300) fail(new Error(`${method} ${route}: ${answer.statusCode} ${text}`));
          else done(text === '' ? null : JSON.parse(text));
        });
      }, fail);
    });
  }

  /** The answer's text. */
  async text(route) {
    const parts = [];
    await this.download(route, (part) => parts.push(part));
    return Buffer.concat(parts).toString();
  }

  /** Gives the answer's body piece by piece to `take`. */
  download(route, take) {
    return new Promise((done, fail) => {
      this.#request('GET', route, undefined, (answer) => {
        if (answer.statusCode !== 200) fail(new Error(`GET ${route}: ${answer.statusCode}`));
        answer.on('data', take).on('end', done).on('error', fail);
      }, fail);
    });
  }

  /** Calls `take` with each run that changes, until the answer's `close` is called. */
  watch(take) {
    return new Promise((done, fail) => {
      const onAnswer = (answer) => {
        if (answer.statusCode !== 200) {
          fail(new Error(`GET ${API}/runs/live: ${answer.statusCode}`));
          return;
        }
        let rest = '';
        answer.setEncoding('utf8').on('data', (text) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop();
          for (const line of lines) if (line.startsWith('data:')) take(JSON.parse(line.slice(5)));
        });
        answer.on('error', () => {});
        done({ close: () => answer.destroy() });
      };
      this.#request('GET', `${API}/runs/live`, undefined, onAnswer, fail);
    });
  }

  /** Waits for the end of a run on its own stream. */
  ended(id) {
    return new Promise((done, fail) => {
      this.#request('GET', `${API}/runs/${id}/live`, undefined, (answer) => {
        if (answer.statusCode !== 200) fail(new Error(`GET live: ${answer.statusCode}`));
        answer.on('data', () => {}).on('end', done).on('error', fail);
      }, fail);
    });
  }

  status() {
    return this.call('GET', '/api/v1/status');
  }

  startRun(runbook, inputs = {}) {
    return this.call('POST', `${API}/runbooks/${runbook}/runs`, { inputs, reason: 'make bench' });
  }

  run(id) {
    return this.call('GET', `${API}/runs/${id}`);
  }

  /** Waits for the run's end, which must be a success. */
  async finished(id, everyMs = 5, deadlineMs = 600_000) {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      const run = await this.run(id);
      if (isEnd(run.state)) {
        if (run.state !== 'succeeded') throw new Error(`run ${id} ended ${run.state}: ${JSON.stringify(run.steps)}`);
        return run;
      }
      if (performance.now() > deadline) throw new Error(`run ${id} is still ${run.state}`);
      await pause(everyMs);
    }
  }

  /** Publishes every file of a folder: documents and the scripts that they name. */
  async apply(folder) {
    const documents = [];
    const files = [];
    for (const name of readdirSync(folder).sort()) {
      const file = path.join(folder, name);
      if (name.endsWith('.yaml')) {
        documents.push({ path: name, text: readFileSync(file, 'utf8') });
      } else {
        const mode = statSync(file).mode & 0o100 ? '100755' : '100644';
        files.push({ path: name, mode, content_base64: readFileSync(file, 'base64') });
      }
    }
    return this.call('POST', `${API}/apply`, { documents, files });
  }
}
