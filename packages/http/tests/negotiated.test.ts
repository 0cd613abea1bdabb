import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Served, serve } from '../../middleware/tests/support/serve.ts';
import { createListener, negotiated, type Representations, reply, route } from '../src/index.ts';
import { openapi } from '../src/openapi.ts';

const Rows = z.array(z.object({ month: z.string(), sum: z.int() }));
const csv = (rows: z.infer<typeof Rows>): string => rows.map((row) => `${Object.values(row).join(';')}\n`).join('');
const given = [{ month: 'ä', sum: 42, secret: 'stays here' }];

const make = (calls: string[] = [], headers: Record<string, string> = {}) =>
  route({
    method: 'POST',
    path: '/',
    responses: {
      200: negotiated(Rows, {
        'text/csv': csv,
        'application/octet-stream': async function* () {
          yield Buffer.from('a');
          yield Buffer.from('b');
        } as Representations<unknown>[string],
      }),
    },
    handler: () => {
      calls.push('handler');
      return reply(200, given, headers);
    },
  });

async function start(...args: Parameters<typeof make>): Promise<Served> {
  return serve(createListener([make(...args)]));
}

const JSON_TEXT = JSON.stringify([{ month: 'ä', sum: 42 }]);
const CSV = 'ä;42\n';

describe('negotiated', () => {
  it.each<[string | undefined, string, string]>([
    [undefined, 'application/json', JSON_TEXT],
    ['', 'application/json', JSON_TEXT],
    ['*/*', 'application/json', JSON_TEXT],
    ['text/csv', 'text/csv; charset=utf-8', CSV],
    ['TEXT/CSV;charset=utf-8', 'text/csv; charset=utf-8', CSV],
    ['text/*;q=0.5, application/json;q=0.4', 'text/csv; charset=utf-8', CSV],
    ['application/json;q=0, */*;q=0.1', 'text/csv; charset=utf-8', CSV],
    ['text/html, application/xhtml+xml, */*;q=0.8', 'application/json', JSON_TEXT],
    ['application/octet-stream', 'application/octet-stream', '1\r\na\r\n1\r\nb\r\n0\r\n'],
    ['application/json;charset=utf-8', 'application/json', JSON_TEXT],
  ])('answers Accept: %s with %s', async (accept, type, text) => {
    const { raw } = await start();
    const header = accept === undefined ? '' : `accept: ${accept}\r\n`;
    const answer = await raw(`POST / HTTP/1.1\r\nhost: a\r\n${header}connection: close\r\n\r\n`);
    const [head = '', ...rest] = Buffer.from(answer, 'latin1').toString().split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 200 /);
    expect(head).toContain(`content-type: ${type}\r\n`);
    expect(head).toContain('vary: Accept\r\n');
    const body = rest.join('\r\n\r\n');
    expect(body).toContain(text);
  });

  it('answers 406 with what there is, before the handler does anything', async () => {
    const calls: string[] = [];
    const { url } = await start(calls);
    for (const accept of ['text/html', 'text/csv;q=0, text/html', 'nonsense']) {
      const answer = await fetch(url, { method: 'POST', headers: { accept } });
      expect([answer.status, answer.headers.get('vary'), await answer.json()]).toMatchObject([
        406,
        'Accept',
        {
          code: 'http.not_acceptable',
          details: { available: ['application/json', 'text/csv', 'application/octet-stream'] },
        },
      ]);
    }
    expect(calls).toEqual([]);
  });

  it('keeps a Vary of the handler, and an ETag for JSON only', async () => {
    const { url } = await start([], { vary: 'Origin', etag: '"1"' });
    const asked = async (accept: string): Promise<(string | null)[]> => {
      const { headers } = await fetch(url, { method: 'POST', headers: { accept } });
      return [headers.get('vary'), headers.get('etag')];
    };
    expect(await asked('application/json')).toEqual(['Origin, Accept', '"1"']);
    expect(await asked('text/csv')).toEqual(['Origin, Accept', null]);
    const { url: readUrl } = await serve(
      createListener([route({ ...make([], { etag: '"1"' }), method: 'GET' } as Parameters<typeof route>[0])]),
    );
    const again = await fetch(readUrl, { headers: { 'if-none-match': '"1"' } });
    expect([again.status, again.headers.get('vary')]).toEqual([304, 'Accept']);
    const other = await fetch(readUrl, { headers: { 'if-none-match': '"1"', accept: 'text/csv' } });
    expect([other.status, await other.text()]).toEqual([200, CSV]);
  });

  it('refuses data that the schema refuses, in each representation', async () => {
    const wrong = route({
      method: 'GET',
      path: '/',
      responses: { 200: negotiated(Rows, { 'text/csv': csv }) },
      handler: () => [{ month: 5 }] as never,
    });
    const { url } = await serve(createListener([wrong]));
    for (const accept of ['application/json', 'text/csv']) {
      expect((await fetch(url, { headers: { accept } })).status).toBe(500);
    }
  });

  it('refuses a mistake at set-up, and stands in the document', () => {
    const refused = expect.objectContaining({ code: 'http.invalid_options' });
    expect(() => negotiated(Rows, {})).toThrow(refused);
    expect(() => negotiated(Rows, { csv })).toThrow(refused);
    expect(() => negotiated(Rows, { 'application/json': csv })).toThrow(refused);
    expect(() => negotiated({} as never, { 'text/csv': csv })).toThrow(refused);
    const { paths } = openapi([make()], { title: 'a', version: '1' });
    expect(paths['/']?.['post']).toMatchObject({
      responses: {
        200: {
          content: {
            'application/json': { schema: { type: 'array' } },
            'text/csv': { schema: { type: 'string' } },
            'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
          },
        },
        406: {},
      },
    });
  });
});
