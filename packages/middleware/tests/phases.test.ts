import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { ConflictError, OverloadedError } from '@ent/errors';
import { type Exchange, type Middleware, type Reply, requestId } from '@ent/middleware';
import { createNodeListener, type NodeExchange } from '@ent/middleware/node';
import { describe, expect, it, vi } from 'vitest';
import { eventually, type Served, serve } from './support/serve.ts';

const start = (
  middleware: Middleware[],
  handler: (exchange: NodeExchange) => Reply | Promise<Reply> = () => ({ status: 200 }),
): Promise<Served> => serve(createNodeListener(handler, { middleware }));

const adding = (text: string, late: boolean): Middleware => ({
  name: text,
  reply(_exchange, reply) {
    const changed = { ...reply, body: `${reply.body as string}${text}` };
    return late ? Promise.resolve(changed) : changed;
  },
});

describe('reply', () => {
  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('comes from the handler outwards; a handler that waits: %s, hooks that wait: %s', async (waits, late) => {
    const reply = { status: 200, body: 'x' };
    const { url } = await start([adding('a', late), adding('b', !late), adding('c', late)], () =>
      waits ? Promise.resolve(reply) : reply,
    );
    expect(await (await fetch(url)).text()).toBe('xcba');
  });

  it('sees errors, and replies of hooks, and may leave a reply as it is', async () => {
    const seen: number[] = [];
    const watch: Middleware = { name: 'watch', reply: (_exchange, { status }) => void seen.push(status) };
    const early: Middleware = {
      name: 'early',
      before: ({ path }) => (path === '/early' ? { status: 418 } : undefined),
    };
    const { url } = await start([early, watch], ({ path }) => {
      if (path === '/fails') throw new ConflictError('twice');
      return { status: 200 };
    });
    for (const path of ['/early', '/fails', '/well']) await fetch(url + path);
    expect(seen).toEqual([418, 409, 200]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new OverloadedError('full');
      },
    ],
    [
      'rejects',
      async () => {
        throw new OverloadedError('full');
      },
    ],
  ])('that %s: a problem for the hooks outside of it, and the stream of the reply is closed', async (_name, reply) => {
    const body = Readable.from(['never']);
    const outer = vi.fn();
    const { url } = await start(
      [
        requestId(),
        { name: 'outer', reply: (_exchange: Exchange, { status }: Reply) => outer(status) as undefined },
        { name: 'bad', reply },
      ],
      () => ({ status: 200, body }),
    );
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([503, expect.any(String)]);
    expect(outer).toHaveBeenCalledExactlyOnceWith(503);
    expect(body.destroyed).toBe(true);
  });

  it('is not asked about what is no reply: the host refuses it', async () => {
    const reply = vi.fn();
    for (const given of [null, 'text', { status: '200' }, {}]) {
      const { url } = await start([{ name: 'a', reply }], () => given as never);
      expect((await fetch(url)).status).toBe(500);
    }
    expect(reply).not.toHaveBeenCalled();
  });
});

describe('wait', () => {
  it('is given what is waited for, from inside outwards, and gives another in its place', async () => {
    const order: string[] = [];
    const waiting = (name: string): Middleware => ({
      name,
      wait: (_exchange, answer) => (order.push(name), answer),
    });
    const instead: Middleware = {
      name: 'instead',
      wait: (_exchange, answer) => answer.then(() => ({ status: 203 })),
    };
    const { url } = await start([waiting('a'), instead, waiting('b')], async () => ({ status: 200 }));
    expect((await fetch(url)).status).toBe(203);
    expect(order).toEqual(['b', 'a']);
  });

  it('is not asked where the answer is there at once', async () => {
    const wait = vi.fn();
    const { url } = await start([{ name: 'a', wait }]);
    expect((await fetch(url)).status).toBe(200);
    expect(wait).not.toHaveBeenCalled();
  });

  it('that throws gives a problem', async () => {
    const { url } = await start(
      [
        {
          name: 'a',
          wait() {
            throw new ConflictError('twice');
          },
        },
      ],
      async () => ({ status: 200 }),
    );
    expect((await fetch(url)).status).toBe(409);
  });
});

describe('abort', () => {
  it('aborts the signal with the reason, and answers nothing', async () => {
    const reason = new OverloadedError('enough');
    const { url } = await start([], (exchange) => {
      const { signal } = exchange;
      exchange.abort(reason);
      return { status: 200, body: String(signal.reason === reason && exchange.signal.aborted) };
    });
    expect(await (await fetch(url)).text()).toBe('true');
  });
});

describe('stream', () => {
  const counting = async (exchange: Exchange, max: number): Promise<Reply> => {
    let bytes = 0;
    for await (const chunk of exchange.stream(max)) bytes += chunk.byteLength;
    return { status: 200, body: String(bytes) };
  };

  it('gives the body as it arrives', async () => {
    const heard: number[] = [];
    const { port } = await start([], async (exchange) => {
      for await (const chunk of exchange.stream(100)) heard.push(chunk.byteLength);
      return { status: 200, body: heard.join(' ') };
    });
    const socket = connect(port, '127.0.0.1').setEncoding('latin1');
    let answer = '';
    socket.on('data', (text: string) => (answer += text));
    socket.write('POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await eventually(() => expect(heard).toEqual([3]));
    socket.write('5\r\ndefgh\r\n0\r\n\r\n');
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1.1 200 OK[^]*3 5$/);
  });

  it('takes none for an empty one, and refuses what is too long, said or not', async () => {
    const { url, raw } = await start([], (exchange) => counting(exchange, 10));
    const send = async (body?: string): Promise<[number, string]> => {
      const answer = await fetch(url, { method: 'POST', ...(body === undefined ? {} : { body }) });
      return [answer.status, await answer.text()];
    };
    expect(await send()).toEqual([200, '0']);
    expect(await send('x'.repeat(10))).toEqual([200, '10']);
    expect((await send('x'.repeat(11)))[0]).toBe(413);
    const chunked = 'POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n';
    expect(await raw(`${chunked}b\r\n${'x'.repeat(11)}\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1.1 413 /);
  });

  it('leaves the connection open for the answer when the reader stops early', async () => {
    const { url } = await start([], async (exchange) => {
      for await (const _chunk of exchange.stream(1e9)) break;
      return { status: 202, body: 'enough' };
    });
    const answer = await fetch(url, { method: 'POST', body: Buffer.alloc(8 * 1024 * 1024) });
    expect([answer.status, await answer.text()]).toEqual([202, 'enough']);
  });

  it('gives once more what was read whole, before the handler or in it, within its own limit', async () => {
    const looking: Middleware = { name: 'looking', before: async (exchange) => void (await exchange.bytes(10)) };
    const twice = async (exchange: NodeExchange): Promise<Reply> => {
      await exchange.bytes(10);
      await counting(exchange, 10);
      return counting(exchange, exchange.path === '/less' ? 2 : 3);
    };
    for (const middleware of [[], [looking]]) {
      const { url } = await start(middleware, twice);
      const send = async (path: string, body: string | null): Promise<[number, string]> => {
        const answer = await fetch(url + path, { method: 'POST', body });
        return [answer.status, await answer.text()];
      };
      expect(await send('/', 'abc')).toEqual([200, '3']);
      expect(await send('/', null)).toEqual([200, '0']);
      expect((await send('/less', 'abc'))[0]).toBe(413);
    }
  });

  it('says that the client went away', async () => {
    const failed = vi.fn();
    const { port } = await start([], async (exchange) => {
      try {
        return await counting(exchange, 1e6);
      } catch (error) {
        failed((error as { code: string }).code);
        throw error;
      }
    });
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc', () => socket.destroy());
    await eventually(() => expect(failed).toHaveBeenCalledExactlyOnceWith('middleware.request_aborted'));
  });

  it.each<[string, (exchange: NodeExchange) => Promise<Reply>]>([
    [
      'twice',
      async (exchange) => {
        await counting(exchange, 10);
        return counting(exchange, 10);
      },
    ],
    [
      'before bytes()',
      async (exchange) => {
        await counting(exchange, 10);
        return { status: 200, body: await exchange.bytes(10) };
      },
    ],
    [
      'after something else has read it',
      async (exchange) => {
        exchange.req.resume();
        await once(exchange.req, 'end');
        return counting(exchange, 10);
      },
    ],
  ])('is for one reader: %s', async (_name, handler) => {
    const { url } = await start([], async (exchange) => {
      const error = await handler(exchange).catch((thrown: unknown) => thrown as { code: string });
      return { status: 200, body: 'code' in error ? error.code : 'read' };
    });
    const answer = await fetch(url, { method: 'POST', body: 'abc' });
    expect(await answer.text()).toBe('middleware.body_consumed');
  });
});
