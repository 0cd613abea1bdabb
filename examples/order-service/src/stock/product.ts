import { defineEntity, type EntityOf, typed } from '@ent/database';

/** What is sold. Its id is its SKU. */
export const products = defineEntity({
  name: 'products',
  fields: {
    id: 'string',
    name: 'string',
    price: 'decimal',
    /** Pieces that nobody has reserved. */
    available: 'int',
  },
});

export type Product = EntityOf<typeof products>;

/** What is kept for an order, by its id: asked again, the stock answers again, and takes nothing twice. */
export const reservations = defineEntity({
  name: 'reservations',
  fields: {
    id: 'string',
    lines: typed<{ sku: string; quantity: number }[]>('json'),
    state: typed<'held' | 'refused' | 'released'>('string'),
    createdAt: 'date',
  },
  createdAt: 'createdAt',
});
