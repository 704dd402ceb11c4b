// The shop's pages, drawn from the catalogue. Without a server: `page(path)` answers what a customer gets. `scripts/serve.js` serves them.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const escape = (text) =>
  String(text).replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c]);

const reviewed = (root) => fs.readFileSync(path.join(root, 'data/catalogue.csv'), 'utf8');

function open(root, catalogue = reviewed(root)) {
  const layout = fs.readFileSync(path.join(root, 'site/layout.html'), 'utf8');
  const css = fs.readFileSync(path.join(root, 'site/shop.css'), 'utf8');
  const [head, ...lines] = catalogue.trim().split('\n');
  const keys = head.split(',');
  // The only quoted cells are names; a name holds no double quote.
  const cells = (line) => line.match(/("[^"]*"|[^,]*)(,|$)/g).map((cell) => cell.replace(/,$/, '').replace(/^"|"$/g, ''));
  const products = lines.map((line) => Object.fromEntries(cells(line).slice(0, keys.length).map((v, i) => [keys[i], v])));

  const html = (title, body) => layout.replaceAll('{{title}}', escape(title)).replace('{{body}}', () => body);
  const price = (product) => {
    const cents = Number.parseInt(product.price_cents, 10);
    if (Number.isNaN(cents)) throw new Error(`${product.sku} has no price`);
    return `<span class="price">${(cents / 100).toFixed(2)} EUR</span>`;
  };

  return {
    products,
    /** `{status, type, body}` for a path. */
    page(url) {
      const found = /^\/products\/([A-Z0-9-]+)$/.exec(url);
      const product = found && products.find((p) => p.sku === found[1]);
      try {
        if (url === '/') {
          const items = products.map((p) => `<li><a href="/products/${p.sku}">${escape(p.name)}</a></li>`);
          return { status: 200, type: 'text/html', body: html('Tea and what it takes', `<ul>\n${items.join('\n')}\n</ul>`) };
        }
        if (url === '/health') return { status: 200, type: 'application/json', body: '{"status":"ok"}' };
        if (url === '/assets/shop.css') return { status: 200, type: 'text/css', body: css };
        if (url === '/basket') return { status: 200, type: 'text/html', body: html('Your basket', '<p>Nothing in it yet.</p>') };
        if (product) return { status: 200, type: 'text/html', body: html(product.name, `<p>${price(product)}</p>`) };
        return { status: 404, type: 'text/html', body: html('Not here', '<p>We have no such page.</p>') };
      } catch (error) {
        return { status: 500, type: 'text/plain', body: `${error.message}\n` };
      }
    },
  };
}

module.exports = { open, reviewed };
