import { ConflictError, defineErrors, NotFoundError, ValidationError } from '@ent/errors';

/** What can go wrong with orders, beyond what the packages say. */
export const orderErrors = defineErrors('orders', {
  not_found: { class: NotFoundError, title: 'No such order', expose: true },
  unknown_product: { class: ValidationError, title: 'No such product', expose: true },
  key_reused: { class: ValidationError, title: 'The Idempotency-Key was used for another order', expose: true },
  /** Its stock is being reserved, which takes a moment: then it can be cancelled. */
  not_yet: { class: ConflictError, title: 'Not yet', expose: true, retryable: 'always' },
  over: { class: ConflictError, title: 'The order cannot be cancelled any more', expose: true },
});
