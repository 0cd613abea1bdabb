import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen, type Served, stop } from '../../middleware/tests/support/serve.ts';
import { docs } from '../src/docs.ts';
import { bearer, createHandler, createListener, createServer, drain, drainable, route } from '../src/index.ts';
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
    ['bearer', () => bearer(() => 1, { tokenUrl: '/token' } as never)],
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

describe('what JavaScript gives in place of an argument is refused', () => {
  it.each<[string, () => unknown]>([
    ['bearer without verify', () => bearer(undefined as never)],
    ['bearer with a path that is none', () => bearer(() => 1, { passwordFlow: 'token' })],
    ['bearer with a path that is a number', () => bearer(() => 1, { passwordFlow: 7 as never })],
    ['createServer without a listener', () => createServer(undefined as never)],
    ['createServer with its options alone', () => createServer({ headersTimeout: '1s' } as never)],
    ['createListener without routes', () => createListener(undefined as never)],
    ['createHandler with one route', () => createHandler({} as never)],
    ['createHandler with a limit that is no number', () => createHandler([], { maxBodyBytes: '1 MiB' as never })],
    ['createHandler with a limit below zero', () => createHandler([], { maxBodyDepth: -1 })],
    ['openapi without routes', () => openapi(undefined as never, about)],
    ['openapi without a title', () => openapi([], { version: '1' } as never)],
    ['drainable without a server', () => drainable(undefined as never)],
    ['drainable with a listener', () => drainable((() => {}) as never)],
  ])('%s', (_name, call) => {
    expect(call).toThrow(code('http.invalid_options'));
  });

  const whole = { method: 'POST', path: '/', responses: { 204: {} }, handler() {} };
  it.each<[string, object]>([
    ['no method', { ...whole, method: undefined }],
    ['a method in lower case', { ...whole, method: 'post' }],
    ['no path', { ...whole, path: undefined }],
    ['no responses', { ...whole, responses: undefined }],
    ['no handler', { ...whole, handler: undefined }],
    ['an auth that is no function', { ...whole, auth: true }],
    ['one guard in place of a list', { ...whole, guards: () => {} }],
    ['a guard that is none', { ...whole, guards: [undefined] }],
    ['a body that is no schema', { ...whole, body: {} }],
    ['a limit that is no number', { ...whole, maxBodyBytes: '1 MiB' }],
  ])('a route with %s', (_name, given) => {
    expect(() => route(given as never)).toThrow(code('http.invalid_route'));
    expect(() => createListener([given as never])).toThrow(code('http.invalid_route'));
  });

  it('null as a route', () => {
    expect(() => createListener([null as never])).toThrow(code('http.invalid_route'));
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
