// deno run --allow-net --allow-env src/deno.js
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
    peer: (_request, info) => info.remoteAddr.hostname,
  },
);
const onListen = ({ port }) => console.log(`http://127.0.0.1:${port}`);
Deno.serve({ port: 0, hostname: '127.0.0.1', onListen }, fetch);
