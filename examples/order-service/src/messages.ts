import { defineTopic } from '@ent/messaging';
import { z } from 'zod';

/**
 * What the parts say to each other. Each command holds all that its receiver needs: none of them looks into the tables
 * of another, so that each could be a service of its own.
 */

const Amount = z.string();

/** A line of an order, as the stock knows it. */
const Line = z.strictObject({ sku: z.string(), quantity: z.int().min(1) });

/** Commands of the saga to the stock. */
export const reserveStock = defineTopic(
  'stock.reserve',
  z.strictObject({ orderId: z.string(), lines: z.array(Line).min(1) }),
);
export const releaseStock = defineTopic('stock.release', z.strictObject({ orderId: z.string() }));

/** Commands of the saga to the payments. */
export const takePayment = defineTopic(
  'payment.take',
  z.strictObject({ orderId: z.string(), amount: Amount, card: z.string() }),
);
export const refundPayment = defineTopic('payment.refund', z.strictObject({ orderId: z.string() }));

/** What came of a command. */
export const ANSWERS = [
  'stock_reserved',
  'stock_refused',
  'stock_released',
  'payment_taken',
  'payment_declined',
  'payment_refunded',
] as const;
export type Answer = (typeof ANSWERS)[number];

/** The answers to the saga. */
export const stepAnswered = defineTopic('order.step', z.strictObject({ orderId: z.string(), answer: z.enum(ANSWERS) }));

/** What everybody may know of an order: that there is news. */
export const orderChanged = defineTopic(
  'order.changed',
  z.strictObject({ orderId: z.string(), version: z.int(), state: z.string() }),
);

/**
 * A command is tried for as long as somebody waits for its answer, which its `ttl` says. By a count of attempts it
 * would be given up while the saga still waits.
 */
export const UNTIL_EXPIRED = { maxAttempts: 10_000, backoff: { base: '100ms', max: '5s' } } as const;
