import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Server } from '../../../src/index.ts';
import { describeWithServer } from '../../../src/vitest.ts';

let first: Server | undefined;

describeWithServer('memcached', (server) => {
  it('reaches it', async () => {
    first = server;
    const socket = connect(server.port, server.host);
    await once(socket, 'connect');
    socket.destroy();
    expect(server.url).toBe(`memcached://127.0.0.1:${server.port}`);
  });
  it.runIf(server.killable)('kills it', () => server.kill());
});

describeWithServer('memcached', { killable: true }, (server) => {
  it('kills another', async () => {
    expect(server.port).not.toBe(first?.port);
    await server.kill();
  });
});

describe('without a server', () => {
  it('passes', () => {});
});
