// A call through a proxy: the proxies and the service behind them in processes of their own, the client here.
import { join } from 'node:path';
import { benchBursts, startServers } from '../../../scripts/bench-bursts.ts';
import { subjects } from './servers.ts';

const program = join(import.meta.dirname, 'servers.ts');
const [service] = await startServers(program, ['service']);
const proxies = await startServers(program, subjects, `http://127.0.0.1:${service?.port}`);

const body = JSON.stringify({ text: 'x'.repeat(1000) });
const requests = {
  GET: 'GET /hello HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n',
  'POST of 1 KB': `POST /things HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
};
for (const [name, request] of Object.entries(requests)) await benchBursts(name, request, proxies);
for (const { child } of [...proxies, ...(service ? [service] : [])]) child.disconnect();
process.exit();
