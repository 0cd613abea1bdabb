import type { Answer } from '../messages.ts';

/** Where an order can be. */
export const STATES = [
  /** Waits for its stock. */
  'placed',
  /** Has its stock, and waits for its payment. */
  'reserved',
  /** Paid. */
  'confirmed',
  /** Waits for its money to go back; or for the word that none was taken and none will be. */
  'refunding',
  /** Waits for its stock to go back. */
  'releasing',
  /** There was not enough in stock. */
  'rejected',
  /** Nothing is left of it: no stock, no money. */
  'cancelled',
] as const;
export type OrderState = (typeof STATES)[number];

/** What can happen to an order: an answer to a command, the customer's wish, or nothing for too long. */
export type OrderEvent = Answer | 'cancel_requested' | 'overdue';

/**
 * The whole saga. Forward: stock, then money. Back, in the opposite order: money, then stock.
 *
 * What is not in here does not happen: an answer that comes late or twice finds an order that is further, and changes
 * nothing. Where `overdue` is missing, the command is given again: what undoes has to succeed.
 */
export const MACHINE: Readonly<Record<OrderState, Readonly<Partial<Record<OrderEvent, OrderState>>>>> = {
  placed: { stock_reserved: 'reserved', stock_refused: 'rejected' },
  reserved: {
    payment_taken: 'confirmed',
    payment_declined: 'releasing',
    // Whether the provider has taken it, nobody knows. To refund is right either way.
    overdue: 'refunding',
    cancel_requested: 'refunding',
  },
  confirmed: { cancel_requested: 'refunding' },
  refunding: { payment_refunded: 'releasing' },
  releasing: { stock_released: 'cancelled' },
  rejected: {},
  cancelled: {},
};

/** Whether an order that is here waits for something. */
export function isUnderWay(state: OrderState): boolean {
  return !['confirmed', 'rejected', 'cancelled'].includes(state);
}
