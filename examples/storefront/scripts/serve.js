#!/usr/bin/env node
// Serves the shop on this machine: production on port 8490, staging on 8491. `make run` starts it beside the server.
//
//   GET  /...                 a page
//   GET  /status              what is served, as JSON
//   GET  /catalogue           the published catalogue, as CSV
//   PUT  /catalogue?edition=  publish another; whatever comes is taken, which is what probes are for
//   POST /catalogue/roll-back publish the edition before again
//
// It keeps nothing: a new start serves the catalogue of this folder. With --until-input-ends it ends when whoever started it does.
'use strict';

const { createHash } = require('node:crypto');
const http = require('node:http');
const path = require('node:path');

const root = path.join(__dirname, '..');
const { open, reviewed } = require(path.join(root, 'site/shop.js'));

const PORTS = { production: 8490, staging: 8491 };
const CATALOGUE_MAX = 1024 * 1024;

class Shop {
  constructor(environment) {
    this.environment = environment;
    this.since = new Date().toISOString();
    this.editions = [];
    this.publish('reviewed', reviewed(root));
  }

  publish(edition, catalogue) {
    this.editions = [{ edition, catalogue, shop: open(root, catalogue) }, ...this.editions].slice(0, 10);
  }

  rollBack() {
    if (this.editions.length < 2) return false;
    this.editions.shift();
    return true;
  }

  status() {
    const [{ edition, catalogue, shop }] = this.editions;
    const digest = createHash('sha256').update(catalogue).digest('hex').slice(0, 12);
    const { environment, since } = this;
    return { environment, version: '2.4.0', edition, catalogue: digest, products: shop.products.length, since };
  }

  async answer(request) {
    const url = new URL(request.url, 'http://shop');
    const text = (status, body) => ({ status, type: 'text/plain', body: `${body}\n` });
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /status':
        return { status: 200, type: 'application/json', body: JSON.stringify(this.status()) };
      case 'GET /catalogue':
        return { status: 200, type: 'text/csv', body: this.editions[0].catalogue };
      case 'PUT /catalogue':
        this.publish(url.searchParams.get('edition') ?? 'unnamed', await read(request));
        return text(200, `${this.status().edition} is published`);
      case 'POST /catalogue/roll-back':
        return this.rollBack()
          ? text(200, `${this.status().edition} is published again`)
          : text(409, 'no edition was published before this one');
      default:
        return request.method === 'GET' ? this.editions[0].shop.page(url.pathname) : text(405, 'no such thing can be done');
    }
  }
}

async function read(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > CATALOGUE_MAX) throw new Error('the catalogue is too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

for (const [environment, port] of Object.entries(PORTS)) {
  const shop = new Shop(environment);
  const server = http.createServer(async (request, response) => {
    // Programs publish; a page that somebody has open in a browser does not.
    const foreign = request.method !== 'GET' && request.headers.origin !== undefined;
    const refused = { status: 403, type: 'text/plain', body: 'not from a browser\n' };
    const broken = (error) => ({ status: 500, type: 'text/plain', body: `${error.message}\n` });
    const { status, type, body } = foreign ? refused : await shop.answer(request).catch(broken);
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  server.on('error', (error) => {
    console.error(`The ${environment} shop cannot be served on 127.0.0.1:${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(port, '127.0.0.1', () => console.log(`The ${environment} shop is at http://127.0.0.1:${port}/`));
}

if (process.argv.includes('--until-input-ends')) {
  // Ctrl-C and the end of a terminal are for whoever started it, and reach all of the terminal: it says when this ends.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
  process.stdin.resume().on('close', () => process.exit(0)).on('end', () => process.exit(0));
}
