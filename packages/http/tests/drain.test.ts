import { once } from 'node:events';
import { Agent, createServer as createPlainServer, get, type IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { createListener, createServer, drain, drainable, route, type ServerOptions } from '../src/index.ts';

const MEGABYTES = 20;
const big = Buffer.alloc(MEGABYTES * 1024 * 1024, 'x');

/** A service with an answer that waits until it is let go. */
async function start(options?: ServerOptions): Promise<Served & { readonly waiting: (() => void)[] }> {
  const waiting: (() => void)[] = [];
  const text = { 200: { contentType: 'text/plain' } } as const;
  const served = await listen(
    createServer(
      createListener([
        route({ method: 'GET', path: '/', responses: text, handler: () => 'hello' }),
        route({ method: 'GET', path: '/big', responses: text, handler: () => big }),
        route({
          method: 'GET',
          path: '/wait',
          responses: text,
          handler: () => new Promise<string>((resolve) => waiting.push(() => resolve('waited'))),
        }),
      ]),
      options,
    ),
  );
  onTestFinished(() => stop(served.server));
  return { ...served, waiting };
}

const dial = async ({ port }: Served): Promise<Socket & { received: string }> => {
  const socket = Object.assign(connect(port, '127.0.0.1'), { received: '' });
  socket.on('data', (chunk: Buffer) => {
    socket.received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
};
const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** Reads an answer of 20 MiB slowly; `begun` tells when the first bytes are there. */
async function readSlowly({ port }: Served): Promise<{ size: Promise<number> }> {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const outgoing = get({ port, path: '/big', agent });
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const size = (async () => {
    let total = 0;
    for await (const chunk of incoming) {
      total += (chunk as Buffer).length;
      await sleep(1);
    }
    return total;
  })();
  return { size };
}

describe('drain', () => {
  it('lets a slow reader have all of an answer that was finished long ago', async () => {
    const served = await start();
    const { size } = await readSlowly(served);
    expect(await drain(served.server, { grace: 0 })).toEqual({ cut: 0 });
    expect(await size).toBe(big.length);
  });

  it('is also what a bare server.close() no longer cuts', async () => {
    const served = await start();
    const { size } = await readSlowly(served);
    served.server.close();
    expect(await size).toBe(big.length);
  });

  it('answers what has begun and says Connection: close', async () => {
    const served = await start();
    const client = await dial(served);
    client.write(ask('/wait'));
    await eventually(() => expect(served.waiting).toHaveLength(1));
    const drained = drain(served.server, { grace: 0 });
    await eventually(() => expect(served.server.listening).toBe(false));
    served.waiting[0]?.();
    expect(await drained).toEqual({ cut: 0 });
    expect(client.received).toMatch(/^HTTP\/1.1 200 OK[^]*connection: close[^]*waited$/i);
  });

  it('answers every request of a pipeline, the last one with Connection: close', async () => {
    const served = await start();
    const client = await dial(served);
    client.write(ask('/wait').repeat(3));
    await eventually(() => expect(served.waiting).toHaveLength(3));
    const drained = drain(served.server, { grace: 0 });
    for (const answer of served.waiting) answer();
    expect(await drained).toEqual({ cut: 0 });
    expect(client.received.match(/waited/g)).toHaveLength(3);
    expect(client.received.match(/connection: close/gi)).toHaveLength(1);
  });

  it('answers every request of a pipeline that comes during the grace', async () => {
    const served = await start();
    const client = await dial(served);
    const drained = drain(served.server, { grace: '2s' });
    client.write(ask('/wait').repeat(3));
    await eventually(() => expect(served.waiting).toHaveLength(3));
    for (const answer of served.waiting) answer();
    expect(await drained).toEqual({ cut: 0 });
    expect(client.received.match(/waited/g)).toHaveLength(3);
  });

  it('serves new connections and old ones during the grace', async () => {
    const served = await start();
    const old = await dial(served);
    old.write(ask('/'));
    await eventually(() => expect(old.received).toContain('hello'));
    const drained = drain(served.server, { grace: '3s' });
    old.write(ask('/'));
    const fresh = await dial(served);
    fresh.write(ask('/'));
    await Promise.all([once(old, 'close'), once(fresh, 'close')]);
    expect(old.received.match(/hello/g)).toHaveLength(2);
    expect(fresh.received).toMatch(/connection: close[^]*hello$/i);
    expect(served.server.listening).toBe(true);
    expect(await drained).toEqual({ cut: 0 });
    expect(served.server.listening).toBe(false);
  });

  it('waits for a request whose head is on its way, and closes connections that ask for nothing', async () => {
    const served = await start();
    const accepted: Socket[] = [];
    served.server.on('connection', (socket) => accepted.push(socket));
    const silent = await dial(served);
    const partial = await dial(served);
    partial.write('GET / HTTP/1.1\r\nHost:');
    await eventually(() => expect(accepted.map(({ bytesRead }) => bytesRead > 0)).toEqual([false, true]));
    const drained = drain(served.server, { grace: 0 });
    await once(silent, 'close');
    expect(silent.received).toBe('');
    partial.write(' a\r\n\r\n');
    expect(await drained).toEqual({ cut: 0 });
    expect(partial.received).toMatch(/hello$/);
  });

  it('sees the end of answers whose prototype somebody replaces, as Express does', async () => {
    const answers: object[] = [];
    const server = createServer((_req, res) => {
      answers.push(Object.setPrototypeOf(res, Object.create(ServerResponse.prototype) as object));
      res.end('hello');
    });
    const served = await listen(server);
    onTestFinished(() => stop(server));
    const socket = await dial(served);
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await eventually(() => expect(socket.received).toMatch(/hello$/));
    expect(answers).toHaveLength(1);
    expect(await drain(server, { grace: 0, deadline: '20s' })).toEqual({ cut: 0 });
  });

  it('cuts at the deadline, and says how much', async () => {
    const served = await start();
    const client = await dial(served);
    client.write(ask('/wait'));
    await eventually(() => expect(served.waiting).toHaveLength(1));
    const [first, second] = [drain(served.server, { grace: 0, deadline: '200ms' }), drain(served.server)];
    expect(await first).toEqual({ cut: 1 });
    expect(await second).toEqual({ cut: 1 });
    await eventually(() => expect(client.destroyed).toBe(true));
  });

  it('is hurried by its signal', async () => {
    const served = await start();
    const client = await dial(served);
    client.write(ask('/wait'));
    await eventually(() => expect(served.waiting).toHaveLength(1));
    const hurry = new AbortController();
    const drained = drain(served.server, { grace: '20s', signal: hurry.signal });
    hurry.abort();
    expect(await drained).toEqual({ cut: 1 });
  });

  it('loses no request over rolling restarts under a continuous keep-alive load', async () => {
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const fetchFrom = (port: number): Promise<string> =>
      new Promise((resolve, reject) => {
        get({ port, agent }, (incoming) => {
          let body = '';
          incoming.setEncoding('latin1').on('data', (chunk: string) => {
            body += chunk;
          });
          incoming.on('end', () => resolve(body)).on('error', reject);
        }).on('error', reject);
      });
    let current = await start();
    let over = false;
    let answered = 0;
    const failures: unknown[] = [];
    const load = Array.from({ length: 16 }, async () => {
      while (!over) {
        try {
          if ((await fetchFrom(current.port)) === 'hello') answered++;
          else failures.push('another answer');
        } catch (error) {
          failures.push(error);
        }
      }
    });
    const progress = async (answers: number): Promise<void> => {
      const before = answered;
      await eventually(() => expect(answered).toBeGreaterThan(before + answers));
    };
    for (let restart = 0; restart < 3; restart++) {
      await progress(100);
      const old = current;
      const next = await start();
      // Far longer than what follows takes: what is still connecting when the listening ends is lost, as it always is.
      const drained = drain(old.server, { grace: '5s' });
      await progress(16);
      // The load balancer has noticed.
      current = next;
      expect(await drained).toEqual({ cut: 0 });
    }
    over = true;
    await Promise.all(load);
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(300);
  });
});

describe('drain refuses', () => {
  it('a server that it cannot see into, a bad duration, and a grace that takes all the time', async () => {
    const refused = expect.objectContaining({ code: 'http.invalid_options' }) as Error;
    await expect(drain(createPlainServer())).rejects.toThrow(refused);
    const { server } = await start();
    await expect(drain(server, { grace: -1 })).rejects.toThrow(refused);
    await expect(drain(server, { grace: '30s' })).rejects.toThrow(refused);
    expect(await drain(server, { grace: 0 })).toEqual({ cut: 0 });
  });

  it('nothing of a server that was made drainable, unless it listens already', async () => {
    const served = await listen(drainable(createPlainServer((_req, res) => res.end('x'))));
    expect(() => drainable(served.server)).toThrow(/does not listen yet/);
    expect(await (await fetch(served.url)).text()).toBe('x');
    expect(await drain(served.server, { grace: 0 })).toEqual({ cut: 0 });
    expect(await drain(drainable(createPlainServer()))).toEqual({ cut: 0 });
  });
});
