import { EntError, NotFoundError } from '@ent/errors';
import { createClient } from '../../src/client.ts';
import type { clientRoutes, eventRoutes } from './client-routes.ts';

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

/** The ids of the events of an API of another origin, over as many connections as it takes. */
export async function acrossOrigins(url: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of createClient<typeof eventRoutes>(url).events('/events')) ids.push(id);
  return ids;
}

Object.assign(globalThis, { inBrowser, acrossOrigins });
