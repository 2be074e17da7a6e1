'use strict';
// One device and one reader of PouchDB with crypto-pouch, and a server with express-pouchdb, on 127.0.0.1.
// node pouchdb.js serve FOLDER         prints the port; ends when standard input does
// node pouchdb.js run PORT FOLDER N    pushes N documents of 4 KiB and pulls them again; prints {"push", "pull"} in seconds
const crypto = require('crypto');
const path = require('path');
const load = (name) => require(require.resolve(name, { paths: [process.cwd()] }));
const PouchDB = load('pouchdb');

async function serve(folder) {
  const express = load('express');
  const app = express();
  const Local = PouchDB.defaults({ prefix: folder + path.sep });
  app.use('/', load('express-pouchdb')(Local, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: path.join(folder, 'log.txt') }));
  const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
  process.stdin.resume().on('end', () => process.exit(0));
}

async function run(port, folder, count) {
  PouchDB.plugin(load('crypto-pouch'));
  const remote = `http://127.0.0.1:${port}/made_up`;
  const device = new PouchDB(path.join(folder, 'device'));
  await device.crypto('made-up passphrase');
  const bodies = Array.from({ length: count }, () => crypto.randomBytes(3072).toString('base64'));
  const start = process.hrtime.bigint();
  await device.bulkDocs(bodies.map((body, n) => ({ _id: String(n), body })));
  await PouchDB.replicate(device, remote, { batch_size: 200 });
  const pushed = process.hrtime.bigint();
  const desk = new PouchDB(path.join(folder, 'desk'));
  await PouchDB.replicate(remote, desk, { batch_size: 200 });
  await desk.crypto('made-up passphrase');
  const all = await desk.allDocs({ include_docs: true });
  const pulled = process.hrtime.bigint();
  const got = all.rows.filter((row) => row.doc.body).length;
  if (got !== count) throw new Error(`${got} of ${count}`);
  console.log(JSON.stringify({ push: Number(pushed - start) / 1e9, pull: Number(pulled - pushed) / 1e9 }));
}

const [what, ...rest] = process.argv.slice(2);
(what === 'serve' ? serve(rest[0]) : run(rest[0], rest[1], Number(rest[2]))).catch((error) => {
  console.error(error);
  process.exit(1);
});
