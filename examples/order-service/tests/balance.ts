import type { Database } from '@ent/database';
import { expect } from 'vitest';
import { cents, exact } from '../src/money.ts';
import { isUnderWay } from '../src/orders/machine.ts';
import { payments } from '../src/provider/payment.ts';
import { tablesOf } from './support.ts';

/** How many orders still wait for something. */
export async function underWay(db: Database): Promise<number> {
  const found = await tablesOf(db).orders.find({ select: ['state'] });
  return found.filter(({ state }) => isUnderWay(state)).length;
}

/**
 * Holds the books of the shop and those of the provider against each other: each order has all of its stock and its
 * money, or neither, to the piece and to the cent.
 *
 * @param delivered how many pieces of each product there were at the beginning
 */
export async function expectBalance(shop: Database, provider: Database, delivered: ReadonlyMap<string, number>) {
  const tables = tablesOf(shop);
  const orders = await tables.orders.find();
  const confirmed = orders.filter(({ state }) => state === 'confirmed');

  const taken = (await provider.repo(payments).find()).filter(({ status }) => status === 'taken');
  const paid = (rows: readonly (readonly [string, string])[]) => Object.fromEntries(rows);
  expect(paid(taken.map(({ id, amount }) => [id, exact(amount)]))).toEqual(
    paid(confirmed.map(({ id, total }) => [id, exact(total)])),
  );
  const sumOf = (amounts: readonly string[]): bigint => amounts.reduce((sum, amount) => sum + cents(amount), 0n);
  expect(sumOf(taken.map(({ amount }) => amount))).toBe(sumOf(confirmed.map(({ total }) => total)));

  const held = (await tables.reservations.find()).filter(({ state }) => state === 'held');
  expect(held.map(({ id }) => id).sort()).toEqual(confirmed.map(({ id }) => id).sort());
  const sold = new Map([...delivered.keys()].map((sku) => [sku, 0]));
  for (const { lines } of confirmed)
    for (const { sku, quantity } of lines) sold.set(sku, (sold.get(sku) ?? 0) + quantity);
  const left = new Map((await tables.products.find()).map(({ id, available }) => [id, available]));
  for (const [sku, quantity] of delivered) expect([sku, left.get(sku)]).toEqual([sku, quantity - (sold.get(sku) ?? 0)]);

  // The read side comes to the same, a moment later.
  const states = async () =>
    (await tables.views.find({ sort: [['id', 'asc']] })).map(({ id, state }) => `${id} ${state}`);
  await expect.poll(states).toEqual(orders.map(({ id, state }) => `${id} ${state}`).sort());
  const counted = async () => new Map((await tables.sales.find()).map(({ id, pieces }) => [id, pieces]));
  for (const [sku, pieces] of sold) expect((await counted()).get(sku) ?? 0).toBe(pieces);

  // The last row of each history is where its order is.
  const last = new Map<string, string>();
  for (const { orderId, version, state } of await tables.events.find({ sort: [['version', 'asc']] }))
    last.set(orderId, `${version} ${state}`);
  expect(last).toEqual(new Map(orders.map(({ id, version, state }) => [id, `${version} ${state}`])));
}
