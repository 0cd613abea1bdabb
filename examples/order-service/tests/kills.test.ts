// The service is killed at each boundary of each step of the saga, on its embedded defaults: the broker goes with it.
import { once } from 'node:events';
import type { Database } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { randomOf } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { expectBalance, underWay } from './balance.ts';
import { call } from './client.ts';
import { startIssuer } from './issuer.ts';
import { type Running, start } from './processes.ts';
import { openShopDatabase, tablesOf, temporaryFolder } from './support.ts';

/** In the order in which they come: an order is placed, paid, and taken back. */
const STEPS = [
  'stock.reserve',
  'order.step#1',
  'payment.take',
  'order.step#2',
  'payment.refund',
  'order.step#3',
  'stock.release',
  'order.step#4',
];
const BOUNDARIES = [
  'place:stored',
  'place:committed',
  ...STEPS.flatMap((step) => [
    `${step}:begins`,
    // The provider has done what it was asked for.
    ...(step.startsWith('payment') ? [`${step}:called`] : []),
    // What comes next is in the outbox, and not committed; then committed, and not sent; then not acknowledged.
    ...['stored', 'committed', 'handled'].map((boundary) => `${step}:${boundary}`),
  ]),
];

const crash = new URL('fixtures/crash.ts', import.meta.url).href;
const folder = temporaryFolder();
let issuer: Awaited<ReturnType<typeof startIssuer>>;
let provider: Running;
let db: Database;
let books: Database;

beforeAll(async () => {
  issuer = await startIssuer();
  const url = `sqlite:${folder.path}/payments.db`;
  const quiet = { FAULT_REFUSE: '0', FAULT_LOSE: '0', FAULT_DELAY: '1ms' };
  provider = await start('provider', folder.path, { DATABASE_URL: url, ...quiet });
  db = await openShopDatabase(`sqlite:${folder.path}/orders.db`);
  await tablesOf(db).products.insert({ id: 'book', name: 'A book', price: '12.30', available: 100 });
  books = await openDatabase(url);
});
afterAll(async () => {
  provider?.process.kill('SIGKILL');
  await Promise.all([db?.close(), books?.close()]);
  issuer?.close();
  folder.remove();
});

const startOrders = (): Promise<Running> =>
  start(
    'orders',
    folder.path,
    {
      DATABASE_URL: `sqlite:${folder.path}/orders.db`,
      KEYS_URL: issuer.keysUrl,
      PAYMENTS_URL: provider.url,
      // What expires on a busy machine would be counted as a step, too.
      PAYMENT_WAIT: '3s',
      STEP_WAIT: '2s',
      RELAY_LEASE: '500ms',
    },
    [`--import=${crash}`],
  );

describe('killed', () => {
  itInDepth(
    'at its boundaries it loses nothing',
    { full: BOUNDARIES.length, ci: 3, of: 'boundaries' },
    async ({ count, seed }) => {
      const token = await issuer.tokenOf('ann', 'user');
      const first = Math.floor(randomOf(seed)() * BOUNDARIES.length);
      const chosen = Array.from(
        { length: count },
        (_, n) => BOUNDARIES[(first + Math.floor((n * BOUNDARIES.length) / count)) % BOUNDARIES.length] as string,
      );
      for (const boundary of chosen) {
        const service = await startOrders();
        try {
          // What was killed before has come to its end.
          await expect.poll(() => underWay(db), { message: `before ${boundary}` }).toBe(0);
          service.process.send(boundary);
          await once(service.process, 'message');
          const body = { lines: [{ sku: 'book', quantity: 2 }], card: 'tok_good' };
          const ask = (method: string, path: string, more?: object) =>
            call(service.url, method, path, { token, ...more });
          const live = async (): Promise<void> => {
            const { id } = (await ask('POST', '/api/v1/orders/', { body, key: boundary.replaceAll('#', '-') })).body;
            const state = async () => (await ask('GET', `/api/v1/orders/${id}`)).body.state;
            while ((await state()) !== 'confirmed');
            await ask('POST', `/api/v1/orders/${id}/cancel`);
            while ((await state()) !== 'cancelled');
          };
          // It does not live to see its end: its calls fail when the service is gone.
          const lived = live().then(
            () => `${boundary} was not reached`,
            () => 'killed',
          );
          expect(await Promise.race([service.ended.then(() => 'killed'), lived])).toBe('killed');
          expect(await service.ended).toEqual([null, 'SIGKILL']);
        } finally {
          service.process.kill('SIGKILL');
        }
      }
      const service = await startOrders();
      await expect.poll(() => underWay(db)).toBe(0);
      await expectBalance(db, books, new Map([['book', 100]]));
      // Of an order that was killed before it was stored, nobody was told.
      expect(await tablesOf(db).orders.count()).toBe(chosen.filter((boundary) => boundary !== 'place:stored').length);
      expect(await service.stop()).toBe(0);
    },
  );
});
