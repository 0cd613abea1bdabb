// The shop without HTTP: its parts on a database and a broker, with a provider that does what it is told.
import { describeWithServer } from '@ent/testkit/vitest';
import { uniqueName } from '@ent/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Provider } from '../src/payments/provider.ts';
import { obedientProvider, openShop, openShopDatabase, tablesOf } from './support.ts';

describe('on SQLite', () => {
  sells(() => 'sqlite::memory:');
});
describeWithServer('postgres', (server) => {
  sells(() => `${server.url}?application_name=${uniqueName('orders')}&max=8`);
});
describeWithServer('mariadb', (server) => {
  sells(() => `${server.url}?max=8`);
});

function sells(urlOf: () => string): void {
  let db: Awaited<ReturnType<typeof openShopDatabase>>;
  let provider: ReturnType<typeof obedientProvider>;
  let shop: Awaited<ReturnType<typeof openShop>>;
  const tables = () => tablesOf(db);
  const wish = (sku: string, quantity: number, more: { key?: string; card?: string; customerId?: string } = {}) => ({
    customerId: 'ann',
    key: undefined,
    card: 'tok_good',
    lines: [{ sku, quantity }],
    ...more,
  });
  const product = async (price: string, available: number): Promise<string> => {
    const id = uniqueName('sku');
    await tables().products.insert({ id, name: 'Thing', price, available });
    return id;
  };
  const stateOf = async (id: string): Promise<string | undefined> => (await tables().orders.get(id))?.state;
  const until = (id: string, state: string): Promise<void> => expect.poll(() => stateOf(id)).toBe(state);
  const pathOf = async (id: string): Promise<string[]> => (await shop.orders.get(id)).events.map(({ state }) => state);
  const availableOf = async (sku: string): Promise<number | undefined> => (await tables().products.get(sku))?.available;

  beforeAll(async () => {
    db = await openShopDatabase(urlOf());
    provider = obedientProvider();
    shop = await openShop(db, { provider });
  });
  afterAll(async () => {
    await shop?.close();
    await db?.close();
  });

  it('an order gets its stock, then its payment, and keeps both', async () => {
    const sku = await product('0.10', 5);
    const { id, total } = await shop.orders.place(wish(sku, 3));
    await until(id, 'confirmed');
    expect(await pathOf(id)).toEqual(['placed', 'reserved', 'confirmed']);
    expect([total, provider.payments.get(id), await availableOf(sku)]).toEqual(['0.3', 30n, 2]);
    expect(await tables().orders.get(id)).toMatchObject({ dueAt: null, version: 3 });
  });

  it('of what is not there nothing is taken, and no money', async () => {
    const [plenty, few] = [await product('1.00', 10), await product('1.00', 1)];
    const lines = [
      { sku: plenty, quantity: 1 },
      { sku: few, quantity: 2 },
    ];
    const { id } = await shop.orders.place({ ...wish(plenty, 1), lines });
    await until(id, 'rejected');
    expect([await availableOf(plenty), await availableOf(few), provider.payments.has(id)]).toEqual([10, 1, false]);
  });

  it('a declined card gives the stock back', async () => {
    const sku = await product('9.99', 4);
    const { id } = await shop.orders.place(wish(sku, 4, { card: 'tok_declined' }));
    await until(id, 'cancelled');
    expect(await pathOf(id)).toEqual(['placed', 'reserved', 'releasing', 'cancelled']);
    expect(await availableOf(sku)).toBe(4);
  });

  it('a customer takes a paid order back: the money first, then the stock; once more changes nothing', async () => {
    const sku = await product('9.99', 4);
    const { id } = await shop.orders.place(wish(sku, 1));
    await until(id, 'confirmed');
    await Promise.all([shop.orders.cancel(id), shop.orders.cancel(id)]);
    await until(id, 'cancelled');
    await shop.orders.cancel(id);
    expect(await pathOf(id)).toEqual(['placed', 'reserved', 'confirmed', 'refunding', 'releasing', 'cancelled']);
    expect([provider.payments.get(id), await availableOf(sku)]).toEqual(['void', 4]);
  });

  it('what cannot be taken back says why', async () => {
    const sku = await product('1.00', 0);
    const { id } = await shop.orders.place(wish(sku, 1));
    await until(id, 'rejected');
    await expect(shop.orders.cancel(id)).rejects.toMatchObject({ code: 'orders.over' });
    await expect(shop.orders.cancel('nothing')).rejects.toMatchObject({ code: 'orders.not_found' });
  });

  it('one key is one order, however often and however fast it is placed', async () => {
    const sku = await product('2.50', 100);
    const key = uniqueName('key');
    const placed = await Promise.all(Array.from({ length: 8 }, () => shop.orders.place(wish(sku, 1, { key }))));
    expect(new Set(placed.map(({ id }) => id)).size).toBe(1);
    await until(placed[0]!.id, 'confirmed');
    expect((await shop.orders.place(wish(sku, 1, { key }))).id).toBe(placed[0]!.id);
    expect(await availableOf(sku)).toBe(99);
    await expect(shop.orders.place(wish(sku, 2, { key }))).rejects.toMatchObject({ code: 'orders.key_reused' });
    expect((await shop.orders.place(wish(sku, 1, { key, customerId: 'bob' }))).id).not.toBe(placed[0]!.id);
  });

  it('refuses what is not sold, and says where', async () => {
    const refused = shop.orders.place(wish('nothing', 1));
    await expect(refused).rejects.toMatchObject({
      code: 'orders.unknown_product',
      issues: [{ pointer: '#/lines/0/sku' }],
    });
  });

  it('of many orders for the last pieces as many get some as there are', async () => {
    const [one, two] = [await product('0.01', 7), await product('0.02', 7)];
    const lines = [one, two].map((sku) => ({ sku, quantity: 1 }));
    const placed = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        // In both orders: who took one thing first and who took the other would wait for each other.
        shop.orders.place({ ...wish(one, 1), lines: n % 2 ? lines : lines.toReversed() }),
      ),
    );
    const states = (): Promise<unknown[]> => Promise.all(placed.map(({ id }) => stateOf(id)));
    await expect
      .poll(async () => (await states()).every((state) => state === 'confirmed' || state === 'rejected'))
      .toBe(true);
    expect((await states()).filter((state) => state === 'confirmed')).toHaveLength(7);
    expect([await availableOf(one), await availableOf(two)]).toEqual([0, 0]);
  });

  it('the read side follows, counts what stays sold, and is the same when it is made anew', async () => {
    const sku = await product('3.33', 50);
    const placed = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        shop.orders.place(wish(sku, n + 1, { card: n === 5 ? 'tok_declined' : 'tok_good' })),
      ),
    );
    for (const { id } of placed.slice(0, 5)) await until(id, 'confirmed');
    await shop.orders.cancel(placed[0]!.id);
    for (const at of [0, 5]) await until(placed[at]!.id, 'cancelled');
    const ids = placed.map(({ id }) => id);
    const lagging = async (): Promise<unknown> =>
      (await tables().views.find({ where: { id: { in: ids }, state: { in: ['confirmed', 'cancelled'] } } })).length;
    await expect.poll(lagging).toBe(6);
    await expect.poll(() => tables().sales.get(sku)).toEqual({ id: sku, pieces: 2 + 3 + 4 + 5 });
    const before = [await tables().views.find(), await tables().sales.find({ where: { pieces: { ne: 0 } } })];
    await shop.views.rebuild();
    expect([await tables().views.find(), await tables().sales.find({ where: { pieces: { ne: 0 } } })]).toEqual(before);
  });
}

describe('an order that waits', () => {
  /** Takes nothing and does not say so; gives back at the third time. */
  const silent = (): Provider & { asked: string[] } => {
    const asked: string[] = [];
    return {
      asked,
      async take() {
        asked.push('take');
        throw new Error('No answer.');
      },
      async refund() {
        asked.push('refund');
        if (asked.filter((each) => each === 'refund').length < 3) throw new Error('Not now.');
      },
    };
  };

  it('for its payment for too long gets its money and its stock back, as often as that has to be tried', async () => {
    const db = await openShopDatabase('sqlite::memory:');
    const provider = silent();
    // Long enough for a busy machine to ask the provider: the command is worth nothing any more when this is over.
    const shop = await openShop(db, { provider, waits: { payment: 2_000, step: 60_000 } });
    const { products, orders } = tablesOf(db);
    await products.insert({ id: 'a', name: 'A', price: '1.00', available: 1 });
    const { id } = await shop.orders.place({
      customerId: 'ann',
      key: undefined,
      card: 'x',
      lines: [{ sku: 'a', quantity: 1 }],
    });
    const remind = async (): Promise<string | undefined> => {
      await shop.saga.remind();
      return (await orders.get(id))?.state;
    };
    await expect.poll(remind).toBe('cancelled');
    expect((await shop.orders.get(id)).events.map(({ event }) => event)).toEqual([
      'placed',
      'stock_reserved',
      'overdue',
      'payment_refunded',
      'stock_released',
    ]);
    expect(provider.asked).toContain('take');
    expect(provider.asked.filter((each) => each === 'refund')).toHaveLength(3);
    expect(await products.get('a')).toMatchObject({ available: 1 });
    await shop.close();
    await db.close();
  });

  it('for anything else asks again, since its command may be lost; and its late answers change nothing', async () => {
    const db = await openShopDatabase('sqlite::memory:');
    const provider = obedientProvider();
    const waits = { payment: 60_000, step: 1 };
    // Its messages come to nobody: the broker dies with its process.
    const first = await openShop(db, { provider, waits });
    await first.close();
    const { products, orders } = tablesOf(db);
    await products.insert({ id: 'a', name: 'A', price: '1.00', available: 5 });
    const { id } = await first.orders.place({
      customerId: 'ann',
      key: undefined,
      card: 'x',
      lines: [{ sku: 'a', quantity: 1 }],
    });
    const second = await openShop(db, { provider, waits });
    const remind = async (): Promise<string | undefined> => {
      await second.saga.remind();
      return (await orders.get(id))?.state;
    };
    await expect.poll(remind).toBe('confirmed');
    expect(await second.saga.happened(id, 'stock_reserved')).toBe(false);
    expect(await second.saga.happened(id, 'payment_declined')).toBe(false);
    expect(await products.get('a')).toMatchObject({ available: 4 });
    expect(provider.payments.get(id)).toBe(100n);
    await second.close();
    await db.close();
  });
});
