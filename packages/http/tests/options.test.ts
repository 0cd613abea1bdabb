import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { docs } from '../src/docs.ts';
import { createHandler, createListener, createServer, drain, route } from '../src/index.ts';
import { openapi } from '../src/openapi.ts';

const code = (of: string): Error => expect.objectContaining({ code: of }) as Error;
const about = { title: 'A', version: '1' };

describe('options that nobody reads are refused', () => {
  it.each<[string, () => unknown]>([
    ['createServer', () => createServer(() => {}, { headerTimeout: '1s' } as never)],
    ['createListener', () => createListener([], { maxBodyByte: 1 } as never)],
    ['createHandler', () => createHandler([], { trustProxies: [] } as never)],
    ['openapi', () => openapi([], { ...about, server: [] } as never)],
    ['openapi without any', () => openapi([], undefined as never)],
    ['docs', () => docs([], { ...about, page: [] } as never)],
  ])('%s', (_name, call) => {
    expect(call).toThrow(code('http.invalid_options'));
  });

  it('drain', async () => {
    await expect(drain(createHttpServer(), { graze: '1s' } as never)).rejects.toThrow(code('http.invalid_options'));
  });

  it('route', () => {
    expect(() => route({ method: 'GET', path: '/', responses: {}, handler() {}, guard: [] } as never)).toThrow(
      code('http.invalid_route'),
    );
    expect(() => route(undefined as never)).toThrow(code('http.invalid_route'));
  });
});

it('a deadline of months does not ring at once', async () => {
  const answering = Promise.withResolvers<() => void>();
  const { server, url } = await serve((_req, res) => answering.resolve(() => res.end('whole')));
  const answer = fetch(url);
  const answerNow = await answering.promise;
  const drained = drain(server, { grace: 1, deadline: '60d' });
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  answerNow();
  expect(await (await answer).text()).toBe('whole');
  expect(await drained).toEqual({ cut: 0 });
});

async function serve(listener: RequestListener): Promise<Served> {
  const served = await listen(createServer(listener));
  onTestFinished(() => stop(served.server));
  return served;
}
