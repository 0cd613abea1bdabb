import { hash, randomUUID } from 'node:crypto';
import { demandMethods, durationOption, outsideContext, refuseUnknown } from '@ent/internal';
import { channels, type IdempotencyStore } from '@ent/middleware';
import { httpErrors } from '../errors.ts';
import { demandFunction } from '../internal/demand.ts';
import type { Duration } from '../options.ts';

/** How {@link deliverOnce} tells deliveries apart, and how long it remembers them. */
export interface DeliverOnceOptions {
  /** Whose deliveries they are: ids of different senders never meet. */
  readonly sender: string;
  /**
   * Where ids are kept: `memoryIdempotencyStore()` of `@ent/middleware`, or `cacheIdempotencyStore(cache)` of
   * `@ent/middleware/stores` for all processes.
   */
  readonly store: IdempotencyStore;
  /** How long an id is kept: longer than the sender tries again. Default: `"3d"`. */
  readonly ttl?: Duration | undefined;
  /** After which time without a sign of life of its process a delivery counts as never begun. Default: `"30s"`. */
  readonly lease?: Duration | undefined;
}

const OPTIONS = { sender: true, store: true, ttl: true, lease: true } as const;
const DONE = 'done';

/**
 * Makes a function that does the work of a delivery once. One that comes again, by the sender's second attempt or by
 * somebody who replays it, is done already, and the function gives nothing as if it had done it: any answer but success
 * would make the sender try again. While the first is still at work it is 409. If the work throws, the delivery may
 * come again.
 *
 * A delivery whose lease ran out during the work, or that the store could not note as done, may be done again: that is
 * published on `ent:middleware:hook`, and the sender has its success.
 *
 * @returns a function of the id of the delivery (that of the scheme, or where Stripe has it, in the body) and the work;
 *   it throws `http.webhook_in_progress` (409), and `http.webhook_unsigned` (401) without an id
 * @throws `http.invalid_options`
 * @example
 * ```ts
 * import { route } from '@ent/http';
 * import { deliverOnce, signedWebhook, standardWebhooks } from '@ent/http/webhooks';
 * import { memoryIdempotencyStore } from '@ent/middleware';
 * import { z } from 'zod';
 *
 * const once = deliverOnce({ sender: 'payments', store: memoryIdempotencyStore() });
 * const paid = route({
 *   method: 'POST',
 *   path: '/webhooks/payments',
 *   auth: signedWebhook({ scheme: standardWebhooks, secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] }),
 *   body: z.looseObject({ type: z.string() }),
 *   responses: { 204: {} },
 *   handler: ({ body, principal }) => once(principal.id, () => console.log(body.type)),
 * });
 * ```
 */
export function deliverOnce(
  options: DeliverOnceOptions,
): (id: string | undefined, work: () => void | Promise<void>) => Promise<void> {
  refuseUnknown(options, OPTIONS, 'deliverOnce', httpErrors.invalid_options);
  const { sender, store } = options;
  if (typeof sender !== 'string') throw httpErrors.invalid_options('deliverOnce: sender must be a text.');
  demandMethods(store, ['claim', 'replace', 'release'], 'deliverOnce: store', httpErrors.invalid_options);
  const ttlMs = durationOption(options.ttl ?? '3d', 'deliverOnce: ttl', httpErrors.invalid_options);
  const leaseMs = durationOption(options.lease ?? '30s', 'deliverOnce: lease', httpErrors.invalid_options);

  return async (id, work) => {
    demandFunction(work, 'deliverOnce: the work');
    if (typeof id !== 'string' || id === '') throw httpErrors.webhook_unsigned('The webhook has no id.');
    const key = hash('sha256', `webhook\n${sender.length}:${sender}\n${id}`, 'base64url');
    const record = randomUUID();
    const there = await store.claim(key, record, leaseMs);
    if (there === DONE) return;
    if (there !== undefined) {
      const headers = { 'retry-after': String(Math.ceil(leaseMs / 1000)) };
      throw httpErrors.webhook_in_progress('This delivery is being handled.', { headers });
    }
    const renew = (): void => void store.replace(key, record, record, leaseMs).catch(() => {});
    const renewal = outsideContext(() => setInterval(renew, Math.max(1, leaseMs / 3)).unref());
    try {
      await work();
    } catch (error) {
      clearInterval(renewal);
      // If that fails, the next attempt has to wait for the lease; why the work failed is what matters.
      await store.release(key, record).catch(() => {});
      throw error;
    }
    clearInterval(renewal);
    // It is done: what goes wrong now must not make the sender have it done again, and is told elsewhere.
    try {
      if (!(await store.replace(key, record, DONE, ttlMs))) tell(leaseLost());
    } catch (error) {
      tell(error);
    }
  };
}

function leaseLost(): Error {
  return httpErrors.webhook_lease_lost(
    'The lease of a webhook ran out before its work was done, which may be done again.',
  );
}

function tell(error: unknown): void {
  if (channels.hook.hasSubscribers) channels.hook.error.publish({ middleware: 'deliverOnce', hook: 'done', error });
}
