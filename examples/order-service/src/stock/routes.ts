import type { Principal } from '@ent/auth';
import type { Database } from '@ent/database';
import { defineErrors, NotFoundError } from '@ent/errors';
import { type Authenticator, type Route, route } from '@ent/http';
import { z } from 'zod';
import { exact } from '../money.ts';
import { policy } from '../orders/policy.ts';
import { Amount, Sku, STORABLE } from '../orders/routes.ts';
import { type Product, products } from './product.ts';

const stockErrors = defineErrors('stock', {
  not_found: { class: NotFoundError, title: 'No such product', expose: true },
});

const tags = ['products'];
const BySku = z.object({ sku: Sku });
const ProductView = z
  .object({ sku: Sku, name: z.string(), price: Amount, available: z.int() })
  .meta({ id: 'Product', examples: [{ sku: 'book', name: 'A book', price: '12.30', available: 7 }] });
const ProductPage = z.object({ items: z.array(ProductView), next: z.string().nullable() }).meta({ id: 'ProductPage' });
const ProductChange = z
  .strictObject({
    name: z.string().min(1).max(100).regex(STORABLE),
    price: Amount,
  })
  .meta({ id: 'ProductChange', examples: [{ name: 'A book', price: '12.30' }] });
const Delivery = z.strictObject({ quantity: z.int().min(1).max(1_000_000) }).meta({ id: 'Delivery' });

const viewOf = ({ id, name, price, available }: Product): z.input<typeof ProductView> => ({
  sku: id,
  name,
  price: exact(price),
  available,
});

/** `/api/v1/products/`: what is sold, and how much of it is there. */
export function productRoutes(db: Database, authenticate: Authenticator<Principal>): Route[] {
  const stored = db.repo(products);
  const guards = [(principal: Principal) => policy.authorize(principal, 'products:change')];
  const get = async (sku: string) => {
    const product = await stored.get(sku);
    if (product === null) throw stockErrors.not_found('There is no such product.');
    return viewOf(product);
  };

  const list = route({
    method: 'GET',
    path: '/api/v1/products/',
    operationId: 'listProducts',
    summary: 'What is sold',
    description: '`next` of a page is the `cursor` of the one that follows; it is null on the last.',
    tags,
    auth: false,
    query: z.strictObject({ limit: z.int().min(1).max(100).default(20), cursor: z.string().max(4096).optional() }),
    responses: { 200: ProductPage },
    async handler({ query: { limit, cursor } }) {
      const { items, next } = await stored.window({ sort: [['id', 'asc']], limit, after: cursor });
      return { items: items.map(viewOf), next };
    },
  });

  const change = route({
    method: 'PUT',
    path: '/api/v1/products/:sku',
    operationId: 'putProduct',
    summary: 'Say what a product is and costs, as an administrator',
    description: 'Orders keep the price at which they were placed.',
    tags,
    auth: authenticate,
    guards,
    params: BySku,
    body: ProductChange,
    responses: { 200: ProductView },
    async handler({ params: { sku }, body }) {
      await stored.upsert(['id'], { id: sku, ...body, available: 0 }, { set: body });
      return get(sku);
    },
  });

  const deliver = route({
    method: 'POST',
    path: '/api/v1/products/:sku/deliveries',
    operationId: 'deliverProduct',
    summary: 'Put pieces into the stock, as an administrator',
    description: 'Added to what is there. Send an `Idempotency-Key`, so that they are counted once.',
    tags,
    auth: authenticate,
    guards,
    params: BySku,
    body: Delivery,
    responses: { 200: ProductView },
    problems: [404],
    async handler({ params: { sku }, body: { quantity } }) {
      await stored.updateMany({ inc: { available: quantity } }, { where: { id: sku } });
      return get(sku);
    },
  });

  return [list, change, deliver];
}
