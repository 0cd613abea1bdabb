import { ConflictError } from '@ent/errors';
import { createLogger } from '@ent/logging';
import { memoryDriver } from '@ent/logging/memory';
import { accessLog, type AccessLogger, type AccessLogOptions, requestId } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { eventually, serve } from './support/serve.ts';

type Line = [message: string, fields: Readonly<Record<string, unknown>>];

const start = async (options?: AccessLogOptions, more: Partial<AccessLogger> = {}) => {
  const lines: Line[] = [];
  const hanging: string[] = [];
  const logger = { info: (...line: Line) => void lines.push(line), ...more };
  const listener = createNodeListener(
    async (exchange) => {
      if (exchange.path === '/hangs') {
        hanging.push(exchange.id);
        await new Promise(() => {});
      }
      if (exchange.path === '/fails') throw new ConflictError('twice');
      if (exchange.path === '/mistake') throw new TypeError('a mistake');
      exchange.route = '/users/:id';
      return { status: 200, body: 'hello' };
    },
    { middleware: [requestId(), accessLog(logger, options)] },
  );
  return { ...(await serve(listener)), lines, hanging };
};

describe('accessLog', () => {
  it('writes a line for each exchange, with its route and without its query', async () => {
    const { url, lines } = await start();
    await fetch(`${url}/users/1?token=secret`, { headers: { 'user-agent': 'test', 'x-request-id': 'abc' } });
    await eventually(() => expect(lines).toHaveLength(1));
    expect(lines[0]).toEqual([
      'GET /users/:id 200',
      {
        'http.request.method': 'GET',
        'http.request.id': 'abc',
        'http.response.status_code': 200,
        'http.response.body.size': 5,
        'http.route': '/users/:id',
        'url.path': '/users/1',
        'client.address': '127.0.0.1',
        'user_agent.original': 'test',
        durationMs: expect.any(Number) as number,
        aborted: false,
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it('says what went wrong, by its code', async () => {
    const { url, lines } = await start();
    for (const path of ['/fails', '/mistake']) await fetch(url + path);
    await eventually(() => expect(lines).toHaveLength(2));
    expect(lines.map(([message, fields]) => [message, fields['error.type']])).toEqual([
      ['GET /fails 409', 'conflict'],
      ['GET /mistake 500', 'TypeError'],
    ]);
  });

  it('what failed on our side has a line of its own level, with the error and what the client knows it by', async () => {
    const errors: Line[] = [];
    const { url, lines } = await start(undefined, { error: (...line: Line) => void errors.push(line) });
    const answer = await fetch(`${url}/mistake`, { headers: { 'x-request-id': 'abc' } });
    const { instance } = (await answer.json()) as { instance: string };
    await eventually(() => expect(errors).toHaveLength(1));
    expect(errors[0]?.[1]).toMatchObject({ 'http.request.id': 'abc', instance, err: new TypeError('a mistake') });
    await fetch(`${url}/fails`);
    await eventually(() => expect(lines).toHaveLength(1));
    expect(lines[0]?.[1]).not.toHaveProperty('err');
  });

  it('a logger of one level gets it too', async () => {
    const { url, lines } = await start();
    const { instance } = (await (await fetch(`${url}/mistake`)).json()) as { instance: string };
    await eventually(() => expect(lines[0]?.[1]).toMatchObject({ instance, err: new TypeError('a mistake') }));
  });

  it('writes one for a client that went away', async () => {
    const { url, lines, hanging } = await start();
    const gone = new AbortController();
    const asked = fetch(`${url}/hangs`, { signal: gone.signal }).catch(() => {});
    await eventually(() => expect(hanging).toHaveLength(1));
    gone.abort();
    await asked;
    await eventually(() => expect(lines.map(([message]) => message)).toContain('GET /hangs aborted'));
  });

  it('takes more fields, and leaves out what it is told to', async () => {
    const { url, lines } = await start({
      filter: ({ path }) => path !== '/livez',
      fields: (exchange, { status }) => ({ shop: exchange.header('x-shop'), 'url.path': `hidden ${String(status)}` }),
    });
    await fetch(`${url}/livez`);
    await fetch(url, { headers: { 'x-shop': '7' } });
    await eventually(() => expect(lines).toHaveLength(1));
    expect(lines[0]?.[1]).toMatchObject({ shop: '7', 'url.path': 'hidden 200' });
  });

  it('writes no lines of its own choice into a log of lines', async () => {
    const { raw, lines } = await start();
    await raw('GET /a%0d%0ab HTTP/1.1\r\nhost: x\r\nconnection: close\r\nuser-agent: a\tb\r\n\r\n');
    await eventually(() => expect(lines).toHaveLength(1));
    expect(lines[0]?.[0]).not.toMatch(/[\r\n]/);
  });

  it('fits the logger of @ent/logging', async () => {
    const driver = memoryDriver();
    const logger = createLogger({ driver });
    const listener = createNodeListener(() => ({ status: 204 }), { middleware: [accessLog(logger)] });
    await fetch((await serve(listener)).url);
    await eventually(() => expect(JSON.stringify(driver.records)).toContain('GET / 204'));
  });

  it('refuses what is no logger, and options that there are not', () => {
    for (const make of [() => accessLog(undefined as never), () => accessLog({ info() {} }, { skip: 1 } as never)]) {
      expect(make).toThrow(expect.objectContaining({ code: 'middleware.invalid_options' }) as Error);
    }
  });
});
