import { EntError, NotFoundError } from '@ent/errors';
import { createClient } from '../../src/client.ts';
import type { clientRoutes } from './client-routes.ts';

/** What a page does with a client; it is bundled for a browser. */
export async function inBrowser(): Promise<unknown> {
  const client = createClient<typeof clientRoutes>('/api');
  const { body } = await client.get('/items/:id', { params: { id: 'ü/1' } });
  const error: unknown = await client.get('/items/:id', { params: { id: 'none' } }).catch((thrown: unknown) => thrown);
  const controller = new AbortController();
  const waiting = client.get('/never', { signal: controller.signal }).catch((thrown: unknown) => String(thrown));
  controller.abort('enough');
  const lost: unknown = await createClient<typeof clientRoutes>('http://127.0.0.1:9')
    .get('/never')
    .catch((thrown: unknown) => thrown);
  return {
    body,
    found: error instanceof NotFoundError && { code: error.code, message: error.message, id: error.id.length },
    aborted: await waiting,
    lost: EntError.is(lost) && lost.code,
    log: EntError.is(error) && error.toLog().cause?.message.replace(/[0-9a-f-]{36}/, 'ID'),
  };
}

(globalThis as { inBrowser?: unknown }).inBrowser = inBrowser;
