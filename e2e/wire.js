// A connection that can be cut: a small TCP proxy between browser and server.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Wire {
  static async to(port) {
    const wire = new Wire(port);
    await wire.#listen();
    return wire;
  }

  constructor(port) {
    this.target = port;
    this.port = 0;
    this.pairs = new Set();
    this.whole = true;
    this.server = null;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Breaks every connection in the middle, and refuses new ones until mended. */
  cut() {
    this.whole = false;
    for (const pair of this.pairs) {
      for (const socket of pair) {
        socket.resetAndDestroy();
      }
    }
    this.pairs.clear();
  }

  mend() {
    this.whole = true;
  }

  async close() {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  async #listen() {
    this.server = createServer((near) => {
      if (!this.whole) {
        near.resetAndDestroy();
        return;
      }
      const far = connect(this.target, '127.0.0.1');
      const pair = [near, far];
      this.pairs.add(pair);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        one.on('error', () => other.destroy());
        one.on('close', () => {
          other.destroy();
          this.pairs.delete(pair);
        });
      }
      near.pipe(far);
      far.pipe(near);
    }).listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
  }
}
