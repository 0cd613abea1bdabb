'use strict';
const { createServer } = require('node:http');
const { createLogger } = require('@ent/logging');
const { accessLog, requestContext, requestId, securityHeaders } = require('@ent/middleware');
const { createExpressListener } = require('@ent/middleware/express');
const express = require('express');

const logger = createLogger({ service: { name: 'shop' }, level: 'error' });
const app = express();
app.get('/users/broken', () => {
  throw new Error('what nobody outside is to read');
});
app.get('/users/:id', (req, res) => {
  res.json({ id: req.params.id });
});

async function main() {
  // What has to be waited for before requests come: `await openDatabase(url)`.
  const middleware = [requestId(), requestContext(), securityHeaders(), accessLog(logger)];
  const server = createServer(createExpressListener(app, { middleware }));
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
}

main().catch((/** @type {unknown} */ error) => {
  console.error(error);
  process.exitCode = 1;
});
