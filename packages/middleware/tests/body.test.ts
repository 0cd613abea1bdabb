import { type JsonBodyOptions, readJson } from '@ent/middleware';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it } from 'vitest';
import { serve } from './support/serve.ts';

const start = async (
  options?: JsonBodyOptions,
): Promise<(body: string | Buffer | undefined, type?: string) => Promise<[number, string]>> => {
  const listener = createNodeListener(async (exchange) => {
    const value = await readJson(exchange, options);
    return { status: 200, body: value === undefined ? 'none' : JSON.stringify(value) };
  });
  const { url } = await serve(listener);
  return async (body, type = 'application/json') => {
    const answer = await fetch(url, {
      method: 'POST',
      ...(body === undefined ? {} : { body: Buffer.from(body), headers: { 'content-type': type } }),
    });
    return [answer.status, await answer.text()];
  };
};

describe('readJson', () => {
  it.each(['{"a":[1,2,{"b":null}]}', '[]', '"text"', '1', 'true', 'null', ' { "a" : "\\u0000" } '])(
    'reads %s',
    async (body) => {
      const send = await start();
      const [status, text] = await send(body);
      expect(status).toBe(200);
      expect(JSON.parse(text)).toEqual(JSON.parse(body));
    },
  );

  it('gives what is made of the body, and fails with what that throws', async () => {
    const listener = createNodeListener((exchange) =>
      readJson(exchange, {}, (body) => {
        if (body === null) throw new RangeError('null');
        return { status: 200, body: body === undefined ? 'none' : JSON.stringify([body]) };
      }),
    );
    const { url } = await serve(listener);
    const headers = { 'content-type': 'application/json' };
    const send = async (body?: string): Promise<unknown> => {
      const answer = await fetch(url, { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
      return answer.status === 200 ? answer.text() : answer.status;
    };
    expect(await send('{"a":1}')).toBe('[{"a":1}]');
    expect(await send()).toBe('none');
    expect(await send('null')).toBe(500);
    expect(await send('{')).toBe(400);
  });

  it('gives undefined when there is no body', async () => {
    const send = await start();
    expect(await send(undefined)).toEqual([200, 'none']);
  });

  it.each<[string, string | Buffer]>([
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['half a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
    ['truncated', '{"a":'],
    ['two values', '{}{}'],
    ['a comment', '{} // x'],
    ['NaN', 'NaN'],
    ['__proto__ in what is no JSON', '{"__proto__":{}'],
  ])('refuses %s with 400 and does not quote it', async (_name, body) => {
    const send = await start();
    const [status, text] = await send(body);
    expect(status).toBe(400);
    expect(text).toContain('middleware.body_unparsable');
    expect(text).not.toContain('proto');
  });

  it.each([
    ['__proto__', '{"__proto__":{}}', '#/__proto__'],
    ['__proto__', '[{"a/b":{"\\u005f\\u005fproto\\u005f\\u005f":1}}]', '#/0/a~1b/__proto__'],
    ['constructor.prototype', '{"a":[1,{"constructor":{"prototype":{"x":1}}}]}', '#/a/1/constructor/prototype'],
  ])('names the key %s in %s and says where it stands', async (key, body, pointer) => {
    const send = await start();
    const [status, text] = await send(body);
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({
      code: 'middleware.body_unparsable',
      detail: expect.stringContaining(`"${key}"`) as string,
      errors: [{ pointer, in: 'body', code: 'forbidden_key' }],
    });
  });

  it('takes the same words where they do not poison', async () => {
    const send = await start();
    expect(await send('{"constructor":"x","prototype":{}}')).toEqual([200, '{"constructor":"x","prototype":{}}']);
  });

  it.each([
    [8, 200],
    [9, 400],
    [100_000, 400],
  ])('takes %i levels: %i', async (depth, status) => {
    const send = await start({ maxDepth: 8 });
    expect((await send('['.repeat(depth) + ']'.repeat(depth)))[0]).toBe(status);
    expect((await send(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`))[0]).toBe(status);
  });

  it('is not confused by brackets and escapes in strings', async () => {
    const send = await start({ maxDepth: 2 });
    expect((await send(JSON.stringify(['[[[[', '\\', '"[[[', '\\"[[['])))[0]).toBe(200);
  });

  it.each([
    ['text/plain', 415],
    ['application/jsonp', 415],
    ['application/json; charset=latin1', 415],
    ['application/json, text/plain', 415],
    ['APPLICATION/JSON', 200],
    ['application/json;charset=UTF-8', 200],
    ['application/json ;x="a;b"', 200],
  ])('content type %s: %i', async (type, status) => {
    const send = await start();
    expect((await send('{}', type))[0]).toBe(status);
  });
});
