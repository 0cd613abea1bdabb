// bun src/bun.js
import { requestId, securityHeaders } from '@ent/middleware';
import { createFetchHandler } from '@ent/middleware/fetch';

const fetch = createFetchHandler(
  (exchange) => {
    const id = exchange.path.slice('/users/'.length);
    if (!exchange.path.startsWith('/users/')) return { status: 404 };
    if (id === 'broken') throw new Error('what nobody outside is to read');
    return Response.json({ id, peer: exchange.peer });
  },
  {
    middleware: [requestId(), securityHeaders()],
    peer: (request, server) => server.requestIP(request)?.address,
  },
);
const server = Bun.serve({ fetch, port: 0, hostname: '127.0.0.1' });
console.log(`http://127.0.0.1:${server.port}`);
