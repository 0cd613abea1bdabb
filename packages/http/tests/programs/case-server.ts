// The application of the case table in a process of its own, which tells its port: `node case-server.ts`, with IPC.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createListener } from '../../src/index.ts';
import { options, routes } from '../support/app.ts';

const server = createServer(createListener(routes, options));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
