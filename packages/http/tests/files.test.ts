import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileReply } from '@ent/middleware/static';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Served, serve } from '../../middleware/tests/support/serve.ts';
import { createListener, fileAnswer, reply, type Route, route } from '../src/index.ts';
import { openapi } from '../src/openapi.ts';

async function start(make: (folder: string) => Route = invoice): Promise<Served & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ent-files-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, '7.pdf'), 'x'.repeat(100_000));
  return { ...(await serve(createListener([make(folder)]))), folder };
}

const invoice = (folder: string): Route =>
  route({
    method: 'GET',
    path: '/invoices/:id',
    responses: { 200: fileAnswer('application/pdf') },
    handler: ({ params, exchange }) => fileReply(exchange, folder, `${params.id}.pdf`),
  });

describe('fileAnswer', () => {
  it('sends the file, a range of it, or that the client has it', async () => {
    const { url } = await start();
    const whole = await fetch(`${url}/invoices/7`);
    expect([whole.status, (await whole.text()).length]).toEqual([200, 100_000]);
    expect(whole.headers.get('content-type')).toBe('application/pdf');
    const part = await fetch(`${url}/invoices/7`, { headers: { range: 'bytes=10-19' } });
    expect([part.status, await part.text()]).toEqual([206, 'x'.repeat(10)]);
    expect(part.headers.get('content-range')).toBe('bytes 10-19/100000');
    const beyond = await fetch(`${url}/invoices/7`, { headers: { range: 'bytes=100000-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */100000']);
    const etag = String(whole.headers.get('etag'));
    expect((await fetch(`${url}/invoices/7`, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const head = await fetch(`${url}/invoices/7`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '100000']);
  });

  it('answers 404 for what is not there, or outside', async () => {
    const { url } = await start();
    for (const id of ['8', '..%2f..%2fetc%2fpasswd', '%00']) {
      const answer = await fetch(`${url}/invoices/${id}`);
      expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'http.file_not_found' }]);
    }
  });

  it('lets the handler add headers, and refuses what is no file', async () => {
    const download = await start((folder) =>
      route({
        method: 'GET',
        path: '/',
        responses: { 200: fileAnswer() },
        handler: async ({ exchange }) =>
          reply(200, await fileReply(exchange, folder, '7.pdf'), { 'Content-Disposition': 'attachment' }),
      }),
    );
    const answer = await fetch(download.url);
    expect(answer.headers.get('content-disposition')).toBe('attachment');
    await answer.body?.cancel();
    const wrong = await start(() =>
      route({ method: 'GET', path: '/', responses: { 200: fileAnswer() }, handler: () => 'text' as never }),
    );
    expect((await fetch(wrong.url)).status).toBe(500);
    expect(() => fileAnswer('pdf')).toThrow(expect.objectContaining({ code: 'http.invalid_options' }));
    const at201 = { method: 'GET', path: '/', responses: { 201: fileAnswer() }, handler: () => undefined } as const;
    expect(() => createListener([route(at201)])).toThrow(expect.objectContaining({ code: 'http.invalid_route' }));
  });

  it('stands in the document with all its answers', () => {
    const { paths } = openapi([invoice('.')], { title: 'a', version: '1' });
    const operation = paths['/invoices/{id}']?.['get'];
    const { responses } = operation as { responses: Record<string, object> };
    expect(Object.keys(responses)).toEqual(['200', '206', '304', '404', '412', '416', 'default']);
    expect(responses['206']).toMatchObject({ content: { 'application/pdf': { schema: { format: 'binary' } } } });
    expect(responses['304']).toEqual({ description: 'Not Modified' });
  });
});
