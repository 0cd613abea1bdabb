import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, startProxy } from '../../src/index.ts';

// An echo server is the plainest peer there is; what a proxy does to a real one is for the packages that use it.
let echo: Server;
let target: string;
let proxy: FaultProxy;
const clients: Client[] = [];

beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  target = `echo://user:secret@127.0.0.1:${(echo.address() as { port: number }).port}/path?x=1`;
});
afterAll(() => echo.close());
beforeEach(async () => {
  proxy = await startProxy(target);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await proxy.close();
});

/** A client that remembers what it received. */
interface Client {
  readonly socket: Socket;
  received: string;
  readonly closed: Promise<string>;
}

async function openClient(): Promise<Client> {
  const socket = connect(proxy.port, proxy.host);
  const closed = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.once('close', () => resolve('closed'));
  });
  const client: Client = { socket, received: '', closed };
  clients.push(client);
  socket.on('data', (chunk) => {
    client.received += chunk.toString('latin1');
  });
  await Promise.race([once(socket, 'connect'), closed.then((why) => Promise.reject(new Error(why)))]);
  return client;
}

async function received(client: Client, text: string): Promise<void> {
  while (client.received.length < text.length) await once(client.socket, 'data');
  expect(client.received).toBe(text);
}

describe('startProxy', () => {
  it('keeps the rest of the URL', () => {
    expect(proxy.url).toBe(`echo://user:secret@127.0.0.1:${proxy.port}/path?x=1`);
  });

  it('refuses a URL without a port', async () => {
    await expect(startProxy('redis://127.0.0.1')).rejects.toThrow('names the port');
  });

  it('forwards bytes both ways, and the end of the stream', async () => {
    const client = await openClient();
    const text = 'x'.repeat(3_000_000);
    client.socket.end(text);
    await once(client.socket, 'end');
    expect(client.received.length).toBe(text.length);
    expect(await client.closed).toBe('closed');
    await expect.poll(() => proxy.connections).toBe(0);
    expect(proxy.accepted).toBe(1);
  });

  it('delays answers', async () => {
    const client = await openClient();
    proxy.latency(100);
    const start = performance.now();
    client.socket.write('a');
    await received(client, 'a');
    expect(performance.now() - start).toBeGreaterThan(99);
  });

  it('keeps the order of the bytes while the delay changes', async () => {
    const client = await openClient();
    client.socket.setNoDelay(true);
    let sent = '';
    for (let i = 0; i < 300; i++) {
      proxy.latency([20, 0, 5, 1][i % 4] as number);
      client.socket.write(`${i},`);
      sent += `${i},`;
      await nextTurn();
    }
    await received(client, sent);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a latency of %s', (ms) => {
    expect(() => proxy.latency(ms)).toThrow(RangeError);
  });

  it('cuts what is open with a reset, and takes new connections', async () => {
    const first = await openClient();
    first.socket.write('a');
    await received(first, 'a');
    proxy.cut();
    expect(await first.closed).toBe('ECONNRESET');
    const second = await openClient();
    second.socket.write('b');
    await received(second, 'b');
    expect(proxy.accepted).toBe(2);
    expect(proxy.connections).toBe(1);
  });

  it('refuses connections until it heals', async () => {
    const client = await openClient();
    client.socket.write('a');
    await received(client, 'a');
    await proxy.refuse();
    expect(await client.closed).toBe('ECONNRESET');
    await expect(openClient()).rejects.toThrow('ECONNREFUSED');
    await proxy.heal();
    const next = await openClient();
    next.socket.write('b');
    await received(next, 'b');
  });

  it('swallows everything in a blackhole and loses nothing', async () => {
    const open = await openClient();
    open.socket.write('a');
    await received(open, 'a');

    proxy.blackhole();
    const late = await openClient();
    open.socket.write('b');
    late.socket.write('c');
    const anything = await Promise.race([
      once(open.socket, 'data'),
      once(late.socket, 'data'),
      new Promise((resolve) => setTimeout(() => resolve('nothing'), 100)),
    ]);
    expect(anything).toBe('nothing');

    await proxy.heal();
    await received(open, 'ab');
    await received(late, 'c');
  });

  it('takes new connections elsewhere, and leaves the open ones where they are', async () => {
    const open = await openClient();
    open.socket.write('a');
    await received(open, 'a');
    const other = createServer((socket) => socket.on('error', () => {}).write('other')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    proxy.moveTo(`echo://127.0.0.1:${(other.address() as { port: number }).port}`);
    const late = await openClient();
    await received(late, 'other');
    open.socket.write('b');
    await received(open, 'ab');
    other.close();
  });

  it('passes on that the server refuses', async () => {
    const nobody = await startProxy(target);
    await nobody.refuse();
    const behind = await startProxy(nobody.url);
    const socket = connect(behind.port, behind.host);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    await behind.close();
    await nobody.close();
  });

  it('frees its port when it is closed', async () => {
    const other = await startProxy(target);
    await other.close();
    await other.close();
    const socket = connect(other.port, other.host);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
