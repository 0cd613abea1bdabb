import { defineErrors, OverloadedError } from '@ent/errors';
import { CURRENCY, type Money } from '../money.ts';

const paymentErrors = defineErrors('payments', {
  /** It cannot be reached, or says that it cannot now. Whether it did what was asked, nobody knows: ask again. */
  unavailable: { class: OverloadedError, title: 'The payment provider is not available', retryable: 'idempotent' },
});

/** What is asked of the payment provider. Each may be asked again and again: `key` tells it that it is the same. */
export interface Provider {
  /**
   * @returns whether the money was taken: false where the card was declined, or the payment was refunded before
   * @throws `payments.unavailable`
   */
  take(payment: { key: string; amount: Money; card: string }, signal: AbortSignal): Promise<boolean>;
  /**
   * Gives back what was taken under the key, and sees to it that nothing will be: the request that takes it may still
   * be on its way.
   *
   * @throws `payments.unavailable`
   */
  refund(key: string, signal: AbortSignal): Promise<void>;
}

/** The provider behind a URL. */
export function createProvider({ url, timeout }: { url: string; timeout: number }): Provider {
  const post = async (path: string, body: object, key: string, signal: AbortSignal): Promise<Response> => {
    let response: Response;
    try {
      response = await fetch(new URL(path, url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
      });
      // Whole, or not at all.
      await response.arrayBuffer();
    } catch (cause) {
      throw paymentErrors.unavailable('The payment provider gave no answer.', { cause });
    }
    if (response.status < 400 || response.status === 402 || response.status === 409) return response;
    throw paymentErrors.unavailable(`The payment provider answered with ${response.status}.`);
  };
  return {
    async take({ key, amount, card }, signal) {
      return (await post('/v1/payments', { amount, currency: CURRENCY, card }, key, signal)).ok;
    },
    async refund(key, signal) {
      await post('/v1/refunds', { payment: key }, `${key}:refund`, signal);
    },
  };
}
