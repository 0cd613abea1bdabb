// Orders while the service, its broker and the payment provider are killed at random: stock and money balance to the
// cent, and no order is stuck.
import type { Database } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { freePorts, randomOf, type Server, writtenDown } from '@ent/testkit';
import { describeWithServer, itInDepth, type Rounds } from '@ent/testkit/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import { expectBalance, underWay } from './balance.ts';
import { call } from './client.ts';
import { startIssuer } from './issuer.ts';
import { immortal, type Immortal } from './immortal.ts';
import { openShopDatabase, tablesOf, temporaryFolder } from './support.ts';

describeWithServer('redis', { killable: true }, (server) => {
  survives(server, { full: 2000, ci: 60, of: 'orders' });
});
describeWithServer('rabbitmq', { killable: true }, (server) => {
  survives(server, { full: 2000, ci: 0, of: 'orders' });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const CLIENTS = 8;
/** Of the last one there is too little, so that some orders are refused. */
const STOCK = new Map([
  ['book', 100_000],
  ['pen', 100_000],
  ['rare', 150],
]);
const PRICES = { book: '12.30', pen: '0.10', rare: '99.99' } as const;

function survives(broker: Server, rounds: Rounds): void {
  const folder = temporaryFolder();
  let issuer: Awaited<ReturnType<typeof startIssuer>>;
  let db: Database;
  let books: Database;
  let orders: Immortal;
  let provider: Immortal;

  beforeAll(async () => {
    issuer = await startIssuer();
    const [port, providerPort] = await freePorts(2);
    provider = immortal('provider', folder.path, {
      PORT: String(providerPort),
      DATABASE_URL: `sqlite:${folder.path}/payments.db`,
      FAULT_DELAY: '20ms',
    });
    orders = immortal('orders', folder.path, {
      PORT: String(port),
      DATABASE_URL: `sqlite:${folder.path}/orders.db`,
      BROKER_URL: broker.url,
      KEYS_URL: issuer.keysUrl,
      PAYMENTS_URL: `http://127.0.0.1:${providerPort}`,
      PAYMENT_TRY: '1s',
      PAYMENT_WAIT: '4s',
      STEP_WAIT: '2s',
      RELAY_LEASE: '1s',
      RATE_LIMIT_PER_MINUTE: '1000000',
    });
    await Promise.all([orders.up(), provider.up()]);
    await writtenDown(broker);
    db = await openShopDatabase(`sqlite:${folder.path}/orders.db`);
    books = await openDatabase(`sqlite:${folder.path}/payments.db`);
    for (const [id, available] of STOCK)
      await tablesOf(db).products.insert({ id, name: id, price: PRICES[id as keyof typeof PRICES], available });
  });
  afterAll(async () => {
    await Promise.all([orders?.end(), provider?.end(), db?.close(), books?.close()]);
    issuer?.close();
    folder.remove();
  });

  itInDepth('no order is stuck, and nothing is lost', rounds, async ({ count, seed, tell }) => {
    const random = randomOf(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const token = await issuer.tokenOf('ann', 'user');
    const placed = new Map<string, string>();
    let kills = 0;
    /** All is placed, or something else failed. */
    let isOver = false;

    /** As a client does that wants it done: again and again, with the same key. */
    const insist = async (path: string, body: unknown, key: string): Promise<string | undefined> => {
      while (!isOver) {
        const answer = await call(orders.url, 'POST', path, { token, key, body }).catch(() => undefined);
        if (answer !== undefined && answer.status < 300) return answer.body.id;
        // There is nothing to take back of what was rejected.
        if (answer?.body.code === 'orders.over') return undefined;
        if (answer !== undefined && answer.status < 500 && answer.status !== 409) expect(answer).toBe('an answer');
        await pause(50);
      }
      return undefined;
    };
    let next = 0;
    const client = async (): Promise<void> => {
      for (let n = next++; n < count && !isOver; n = next++) {
        const lines = [{ sku: pick(['book', 'pen', 'rare']), quantity: 1 + Math.floor(random() * 3) }];
        const card = random() < 0.1 ? 'tok_declined' : 'tok_good';
        const id = (await insist('/api/v1/orders/', { lines, card }, `order-${n}`)) as string;
        placed.set(`order-${n}`, id);
        if (random() < 0.15) await insist(`/api/v1/orders/${id}/cancel`, undefined, `cancel-${n}`);
        tell(placed.size);
        // So that something is under way whenever something is killed.
        await pause(random() * 300);
      }
    };

    /** All three live, and the service has found its broker again. */
    const allUp = async (): Promise<void> => {
      await Promise.all([orders.up(), provider.up()]);
      const health = async () => (await call(orders.url, 'GET', '/health')).body.status;
      await expect.poll(health, { timeout: 120_000 }).toBe('pass');
    };
    const kill = {
      broker: async () => {
        await broker.kill();
        await broker.start();
      },
      orders: () => orders.kill(),
      provider: () => provider.kill(),
    };
    const killer = async (): Promise<void> => {
      const victims = ['broker', 'orders', 'provider'] as const;
      let backIn = 0;
      // Each at least once, however soon the orders are placed.
      while (!isOver || kills < victims.length) {
        // They live for a part of what it took them to come back: RabbitMQ needs seconds, and without a life nothing
        // would ever be done.
        await pause(random() * Math.max(1500, backIn));
        const began = performance.now();
        await kill[victims[kills++] ?? pick(victims)]();
        await allUp();
        backIn = performance.now() - began;
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client)).then(() => (isOver = true));
    try {
      await Promise.all([clients, killer()]);
    } finally {
      isOver = true;
    }
    console.log(`${placed.size} orders, and ${kills} kills`);

    await expect.poll(() => underWay(db), { timeout: 120_000 }).toBe(0);
    const stored = await tablesOf(db).orders.find({ select: ['id'] });
    expect(stored.map(({ id }) => id).sort()).toEqual([...placed.values()].sort());
    await expectBalance(db, books, STOCK);
  });
}
