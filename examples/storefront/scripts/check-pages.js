#!/usr/bin/env node
// Ask for the shop's pages as a customer would, a few times each, gently.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { open } = require(path.join(process.env.SIGNALBOX_FILES, 'site/shop.js'));

const rounds = Number(process.env.INPUT_ROUNDS);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
  const shop = open(process.env.SIGNALBOX_FILES);
  // Here the shop is served by this step itself, so that the example needs nothing; yours is at an address.
  const server = http.createServer((request, response) => {
    const { status, type, body } = shop.page(request.url);
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const base = `http://127.0.0.1:${server.address().port}`;
  console.log(`${base}, ${rounds} rounds`);

  const pages = ['/health', '/', '/basket', '/products/TEA-01', '/products/KET-04'];
  const bad = new Set();
  let slowest = 0;
  for (let round = 1; round <= rounds; round += 1) {
    for (const page of pages) {
      const began = performance.now();
      const answer = await fetch(base + page, { signal: AbortSignal.timeout(2000) });
      await answer.text();
      const ms = performance.now() - began;
      slowest = Math.max(slowest, ms);
      const colour = answer.ok ? '\x1b[32m' : '\x1b[31m';
      console.log(`  ${colour}${answer.status}\x1b[0m ${page.padEnd(20)} ${ms.toFixed(1).padStart(6)} ms`);
      if (!answer.ok) {
        if (!bad.has(page)) console.error(`${page} answered ${answer.status}`);
        bad.add(page);
      }
      await pause(200); // a check is no load test
    }
  }
  server.closeAllConnections();
  server.close();

  fs.writeFileSync('findings-pages.tsv', [...bad].map((page) => `pages\t${page} does not answer with 200\n`).join(''));
  fs.appendFileSync(process.env.SIGNALBOX_OUTPUT, `slowest_ms=${slowest.toFixed(1)}\nbad_pages=${bad.size}\n`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
