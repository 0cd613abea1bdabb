// A server in a process of its own, and clients that do all that a route takes and gives: as long as `npm run soak`
// makes them, it must hold no more memory and no more handles than it did near the beginning.
import { connect } from 'node:net';
import { itInDepth } from '@ent/testkit/vitest';
import { expect } from 'vitest';
import { eventually } from '../../middleware/tests/support/serve.ts';
import { type Client, createClient } from '../src/client.ts';
import type { Held, routes } from './programs/measured-server.ts';
import { startMeasured } from './support/measured.ts';

const MIB = 1024 * 1024;
const SAMPLES = 20;
/** Of all that the process holds: what a collection leaves differs by that much. */
const TOLERATED_BYTES = 3 * MIB;

type Work = (client: Client<typeof routes>, n: number, port: number) => Promise<unknown>;

const works: Readonly<Record<string, Work>> = {
  get: (client, n) => client.get('/notes/:id', { params: { id: String(n) } }),
  json: (client, n) => client.post('/notes', { body: { text: 'x'.repeat(n % 20_000) } }),
  form: (client, n) => client.post('/form', { form: { text: `note ${n}` } }),
  files: (client, n) => client.post('/files', { multipart: { file: new Blob(['x'.repeat(n % 5000)]) } }),
  async streams(client) {
    const body = new Blob(['x'.repeat(200_000)]).stream();
    const answer = await client.put('/bytes', { body, contentType: 'application/octet-stream', as: 'stream' });
    expect((await new Response(answer.body).bytes()).byteLength).toBe(200_000);
  },
  async events(client, n) {
    let left = n % 50;
    for await (const { data } of client.events('/events')) if (left-- <= 0) return data;
    return undefined;
  },
  refused: (client) => client.post('/notes', { body: { text: 7 } as never }).catch(() => {}),
  gone: (_client, _n, port) =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
        .on('error', () => {})
        .on('close', resolve);
      socket.write(
        'POST /notes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"text',
        () => socket.destroy(),
      );
    }),
};

itInDepth(
  'a busy server holds no more memory and handles',
  { full: 3600, ci: 0, of: 'seconds' },
  async ({ count, tell }) => {
    const { url, port, held, look } = await startMeasured();
    const client = createClient<typeof routes>(url, { headers: { connection: 'close' } });
    const samples: Held[] = [];
    let calls = 0;
    const endsAt = performance.now() + count * 1000;
    while (samples.length < 4 || performance.now() < endsAt) {
      const until = Math.min(endsAt, performance.now() + (count * 1000) / SAMPLES);
      const clients = Object.values(works).flatMap((work) => [work, work]);
      await Promise.all(
        clients.map(async (work) => {
          do await work(client, calls++, port);
          while (performance.now() < until);
        }),
      );
      // All of them are done: nothing is on its way.
      await eventually(async () => expect((await look()).connections).toBe(0));
      const now = await held();
      samples.push(now);
      tell(Math.round(count - Math.max(0, endsAt - performance.now()) / 1000));
      console.log(
        `${samples.length} of ${SAMPLES}: ${calls} calls, ${(now.heldBytes / MIB).toFixed(1)} MiB held, ${Math.round(now.rssBytes / MIB)} MiB resident, ${JSON.stringify(now.resources)}`,
      );
    }
    // What is filled once is full by then.
    const [early, late] = [samples.slice(2, 2 + Math.ceil(samples.length / 4)), samples.slice(-2)];
    const held1 = Math.max(...early.map(({ heldBytes }) => heldBytes));
    const held2 = Math.min(...late.map(({ heldBytes }) => heldBytes));
    expect(held2 - held1).toBeLessThan(TOLERATED_BYTES);
    expect(late.at(-1)?.resources).toEqual(early[0]?.resources);
  },
);
