import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createPlainServer, request, type Server } from 'node:http';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createListener, createServer } from '../src/index.ts';
import { options, routes } from './support/app.ts';
import { type Case, cases, secrets } from './support/cases.ts';
import { listen, stop } from '../../middleware/tests/support/serve.ts';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

// node:http and not fetch: fetch would tidy the request target up.
async function sendHttp1(port: number, item: Case): Promise<Answer> {
  const { method = 'GET', target, headers = {}, body } = item;
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path: target, headers }, (incoming) => {
      text(incoming).then(
        (received) =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers as Record<string, string>,
            body: received,
          }),
        reject,
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function sendHttp2(port: number, item: Case): Promise<Answer> {
  const { method = 'GET', target, headers = {}, body } = item;
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request(
      { ...headers, ':method': method, ':path': target },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    const head = await new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.once('response', resolve).once('error', reject);
      session.once('error', reject);
    });
    const { ':status': status, ...others } = head;
    return { status: status as number, headers: others as Record<string, string>, body: await text(stream) };
  } finally {
    session.close();
  }
}

const listener = createListener(routes, options);
// A target of HTTP/2 is a path: what else there is, is refused before anybody sees it (RFC 9113, section 8.3.1).
const paths = cases.filter(({ target }) => /^[/*]/.test(target));

/** A server for the cases, and its end. */
interface Running {
  readonly port: number;
  stop(): unknown;
}

async function here(server: Server): Promise<Running> {
  const { port } = await listen(server);
  return { port, stop: () => stop(server) };
}

/** In a process of its own, where code must not be made of text. */
async function withoutCode(): Promise<Running> {
  const flags = ['--conditions=@ent/source', '--disallow-code-generation-from-strings'];
  const child = fork(join(import.meta.dirname, 'programs/case-server.ts'), { execArgv: flags });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`The server ended: ${code}.`)));
  const [port] = (await Promise.race([once(child, 'message'), ended])) as [number];
  ended.catch(() => {});
  return { port, stop: () => child.kill() };
}

describe.each([
  { over: 'node:http', start: () => here(createPlainServer(listener)), send: sendHttp1, table: cases },
  { over: 'node:http where code must not be made of text', start: withoutCode, send: sendHttp1, table: cases },
  {
    over: 'HTTP/1.1 beside HTTP/2',
    start: () => here(createServer(listener, { http2: true })),
    send: sendHttp1,
    table: cases,
  },
  { over: 'HTTP/2', start: () => here(createServer(listener, { http2: true })), send: sendHttp2, table: paths },
])('routes over $over', ({ start, send, table }) => {
  let running: Running | undefined;
  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running?.stop());

  it.each(table.map((item) => [item.name, item] as const))('%s', async (_name, item) => {
    const answer = await send(running!.port, item);
    expect(answer.status).toBe(item.status);
    expect(answer.headers['x-request-id']).toMatch(/^.{1,128}$/);
    for (const [name, value] of Object.entries(item.sees ?? {})) {
      if (value === null) expect(answer.headers).not.toHaveProperty([name]);
      else if (typeof value === 'string') expect(answer.headers[name]).toBe(value);
      else expect(answer.headers[name]).toMatch(value);
    }
    if (item.text !== undefined) expect(answer.body).toBe(item.text);
    if (item.json !== undefined) expect(JSON.parse(answer.body)).toEqual(item.json);
    if (item.code !== undefined) {
      const problem = JSON.parse(answer.body) as {
        code: string;
        status: number;
        errors?: { in: string; pointer: string; code: string }[];
      };
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(problem).toMatchObject({ code: item.code, status: item.status });
      expect(problem.errors?.map((issue) => `${issue.in} ${issue.pointer} ${issue.code}`)).toEqual(item.issues);
    }
    for (const secret of secrets) expect(answer.body).not.toContain(secret);
  });
});
