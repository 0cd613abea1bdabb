import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Exchange, Reply } from '@ent/middleware';
import { type MultipartOptions, type MultipartPart, readMultipart } from '@ent/middleware/multipart';
import { createNodeListener } from '@ent/middleware/node';
import { describe, expect, it, vi } from 'vitest';
import { eventually, type Served, serve } from './support/serve.ts';

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

const list = async (exchange: Exchange, options?: MultipartOptions): Promise<Reply> => {
  const seen: unknown[] = [];
  for await (const part of readMultipart(exchange, options)) {
    if (part.kind === 'field') seen.push(part);
    else seen.push({ ...part, body: await textOf(part.body) });
  }
  return { status: 200, body: JSON.stringify(seen) };
};

const start = (handler: (exchange: Exchange) => Promise<Reply>): Promise<Served> => serve(createNodeListener(handler));

async function send(
  url: string,
  body: string | FormData | Uint8Array | undefined,
  headers: Record<string, string> = typeof body === 'string' ? FORM : {},
): Promise<{ status: number; json: unknown }> {
  const answer = await fetch(url, { method: 'POST', headers, ...(body === undefined ? {} : { body: body as string }) });
  return { status: answer.status, json: await answer.json() };
}

const FORM = { 'content-type': 'multipart/form-data; boundary=b' };
const part = (head: string, body: string): string => `--b\r\n${head}\r\n\r\n${body}\r\n`;
const field = (name: string, value: string): string => part(`content-disposition: form-data; name="${name}"`, value);
const file = (name: string, filename: string, body: string): string =>
  part(`content-disposition: form-data; name="${name}"; filename="${filename}"`, body);
const END = '--b--\r\n';

describe('readMultipart', () => {
  it('gives fields and files in their order, as a browser sends them', async () => {
    const { url } = await start(list);
    const form = new FormData();
    form.append('title', 'Grüße');
    form.append('upload', new Blob(['hello'], { type: 'image/png' }), 'ü.png');
    form.append('title', '');
    form.append('empty', new Blob([]), 'none.bin');
    expect(await send(url, form)).toEqual({
      status: 200,
      json: [
        { kind: 'field', name: 'title', value: 'Grüße', mimeType: 'text/plain' },
        { kind: 'file', name: 'upload', filename: 'ü.png', mimeType: 'image/png', body: 'hello' },
        { kind: 'field', name: 'title', value: '', mimeType: 'text/plain' },
        { kind: 'file', name: 'empty', filename: 'none.bin', mimeType: 'application/octet-stream', body: '' },
      ],
    });
  });

  it('has no parts without a body, and none in an empty form', async () => {
    const { url } = await start(list);
    expect(await send(url, undefined)).toEqual({ status: 200, json: [] });
    expect(await send(url, END)).toEqual({ status: 200, json: [] });
  });

  it('takes names for names, and no folders of files', async () => {
    const { url } = await start(list);
    const body = [
      field('__proto__', '1'),
      file('a', '../../etc/passwd', 'x'),
      file('a', 'C:\\temp\\a.txt', 'x'),
      file('constructor', '..', 'x'),
    ];
    const { json } = await send(url, `${body.join('')}${END}`);
    expect((json as { name: string; filename?: string }[]).map(({ name, filename }) => [name, filename])).toEqual([
      ['__proto__', undefined],
      ['a', 'passwd'],
      ['a', 'a.txt'],
      ['constructor', expect.not.stringContaining('/')],
    ]);
  });

  it.each<[string, number, string]>([
    ['a field of just the limit', 200, `${field('a', 'x'.repeat(100))}${END}`],
    ['a longer one', 413, `${field('a', 'x'.repeat(101))}${END}`],
    ['a file of just the limit', 200, `${file('a', 'f', 'x'.repeat(200))}${END}`],
    ['a longer one that is a file', 413, `${file('a', 'f', 'x'.repeat(201))}${END}`],
    ['two files', 200, `${file('a', 'f', 'x').repeat(2)}${END}`],
    ['three files', 413, `${file('a', 'f', 'x').repeat(3)}${END}`],
    ['three fields', 200, `${field('a', 'x').repeat(3)}${END}`],
    ['four fields', 413, `${field('a', 'x').repeat(4)}${END}`],
    ['all that there may be', 200, `${field('a', 'x').repeat(3)}${file('a', 'f', 'x').repeat(2)}${END}`],
    ['parts that are neither', 413, `${part('x-nothing: 1', 'x').repeat(10)}${END}`],
    ['a body beyond the limit', 413, `${file('a', 'f', 'x'.repeat(50))}${END}${'\r\n'.repeat(5000)}`],
  ])('%s: %i', async (_name, status, body) => {
    const options = { maxFieldBytes: 100, maxFileBytes: 200, maxFiles: 2, maxFields: 3, maxBytes: 5000 };
    const { url } = await start((exchange) => list(exchange, options));
    const answer = await send(url, body);
    expect(answer.status).toBe(status);
    if (status === 413) expect(answer.json).toMatchObject({ code: 'middleware.body_too_large' });
  });

  it.each<[string, string]>([
    ['nothing of the form', 'x'],
    ['no end', field('a', 'x')],
    ['an end in the middle of a file', file('a', 'f', 'x').slice(0, -3)],
    ['an end in a head', '--b\r\ncontent-disposition: form-d'],
    ['a head that is none', `--b\r\nnonsense\r\n\r\nx\r\n${END}`],
    ['a head without an end', `--b\r\nx: ${'x'.repeat(100_000)}\r\n\r\n${END}`],
    ['a field without a name', `${part('content-disposition: form-data', 'x')}${END}`],
    ['a file without a name', `${part('content-disposition: form-data; filename="f"', 'x')}${END}`],
    ['NUL in the name of a file', `${file('a', 'f\0.png', 'x')}${END}`],
    [
      'a charset that nobody knows',
      `${part('content-disposition: form-data; name="a"\r\ncontent-type: text/plain; charset=x', 'ü')}${END}`,
    ],
  ])('%s: 400', async (_name, body) => {
    const { url } = await start(list);
    expect(await send(url, body)).toMatchObject({ status: 400, json: { code: 'middleware.body_unparsable' } });
  });

  it.each([
    ['multipart/form-data', 400],
    ['multipart/mixed; boundary=b', 415],
    ['application/json', 415],
    ['multipart/form-database; boundary=b', 415],
    ['', 415],
  ])('content type %s: %i', async (type, status) => {
    const { url } = await start(list);
    expect((await send(url, END, { 'content-type': type })).status).toBe(status);
  });

  it('throws away what is not read, in whole or in part, and goes on', async () => {
    const { url } = await start(async (exchange) => {
      const seen: string[] = [];
      for await (const each of readMultipart(exchange)) {
        seen.push(each.name);
        if (each.kind === 'file' && each.name === 'begun') for await (const _chunk of each.body) break;
      }
      return { status: 200, body: JSON.stringify(seen) };
    });
    const large = 'x'.repeat(1_000_000);
    const body = `${file('passed', 'f', large)}${file('begun', 'f', large)}${field('last', '1')}${END}`;
    expect(await send(url, body)).toEqual({ status: 200, json: ['passed', 'begun', 'last'] });
  });

  it('answers when the handler stops reading', async () => {
    const { url } = await start(async (exchange) => {
      for await (const _part of readMultipart(exchange)) break;
      return { status: 202, body: '"enough"' };
    });
    expect(await send(url, `${file('a', 'f', 'x'.repeat(5_000_000))}${END}`)).toEqual({ status: 202, json: 'enough' });
  });

  it('keeps no more of a file than is being read: who does not read on makes the client wait', async () => {
    let go = (): void => {};
    const reading = new Promise<void>((resolve) => {
      go = resolve;
    });
    let size = 0;
    const { port } = await start(async (exchange) => {
      for await (const each of readMultipart(exchange, { maxBytes: 1e9 })) {
        if (each.kind !== 'file') continue;
        await reading;
        for await (const chunk of each.body) size += chunk.byteLength;
      }
      return { status: 200 };
    });
    const total = 48 * 1024 * 1024;
    const body = Buffer.concat([
      Buffer.from(file('a', 'f', '').slice(0, -2)),
      Buffer.alloc(total),
      Buffer.from(`\r\n${END}`),
    ]);
    const socket = connect(port, '127.0.0.1');
    socket.write(
      `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${FORM['content-type']}\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    const answered = vi.fn();
    socket.on('data', answered);
    const before = process.memoryUsage().arrayBuffers;
    socket.write(body);
    // It stands still, with most of the body unsent.
    let sent = -1;
    await eventually(() => {
      const now = socket.bytesWritten - socket.writableLength;
      const stands = now === sent && now > 0;
      sent = now;
      expect(stands).toBe(true);
    });
    expect(size).toBe(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
    go();
    await once(socket, 'close');
    expect([size, String(answered.mock.calls[0]?.[0]).slice(0, 12)]).toEqual([total, 'HTTP/1.1 200']);
  });

  it('says that the client went away, to who reads a file too', async () => {
    const codes: unknown[] = [];
    const { port } = await start(async (exchange) => {
      const parts = readMultipart(exchange);
      try {
        const { value } = (await parts.next()) as { value: MultipartPart };
        if (value.kind === 'file') await textOf(value.body).catch((error: unknown) => void codes.push(error));
        await parts.next();
      } catch (error) {
        codes.push(error);
      }
      return { status: 200 };
    });
    const socket = connect(port, '127.0.0.1');
    const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: ${FORM['content-type']}\r\ncontent-length: 9999\r\n\r\n`;
    socket.write(`${head}${file('a', 'f', 'abc').slice(0, -2)}`, () => socket.destroy());
    await eventually(() => expect(codes).toHaveLength(2));
    const gone = expect.objectContaining({ code: 'middleware.request_aborted' }) as unknown;
    expect(codes).toEqual([gone, gone]);
  });

  it('decodes what came compressed, within the limit', async () => {
    const { url } = await start((exchange) => list(exchange, { encodings: ['gzip'], maxBytes: 100_000 }));
    const headers = { ...FORM, 'content-encoding': 'gzip' };
    expect((await send(url, gzipSync(`${field('a', '1')}${END}`), headers)).status).toBe(200);
    expect((await send(url, gzipSync(`${file('a', 'f', 'x'.repeat(200_000))}${END}`), headers)).status).toBe(413);
  });

  it('does not stop the process, whatever comes', async () => {
    const { url, raw } = await start(list);
    const good = `${field('a', 'x')}${file('f', 'f', 'x'.repeat(300))}${END}`;
    // A fixed walk through the body: cut, doubled and with other bytes at each place.
    for (let at = 1; at < good.length; at += 11) {
      const bodies = [good.slice(0, at), good.slice(at), `${good.slice(0, at)}\0${good.slice(at + 1)}`];
      await Promise.all(bodies.map((body) => send(url, body)));
    }
    const text = await raw(
      `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary="${'b'.repeat(5000)}"\r\ncontent-length: 3\r\n\r\nabc`,
    );
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect((await send(url, good)).status).toBe(200);
  });

  it('refuses an option that there is not', async () => {
    expect(() => readMultipart({ header: () => undefined } as never, { maxFile: 1 } as never)).toThrow(
      expect.objectContaining({ code: 'middleware.invalid_options' }) as Error,
    );
  });
});
