import type { HandlerContext, Message, Messaging } from '@ent/messaging';
import type { Inbox } from '@ent/messaging/inbox';
import type { Outbox } from '@ent/messaging/outbox';
import { type Answer, refundPayment, stepAnswered, takePayment, UNTIL_EXPIRED } from '../messages.ts';
import type { Provider } from './provider.ts';

/**
 * The payments: a part of the saga that speaks to somebody who is in no transaction of ours.
 *
 * First the call, outside of any transaction, which it would hold open for as long as the provider takes; then the
 * answer, with the inbox. A crash in between makes the call again, which the provider knows by its key.
 */
export function createPayments({ inbox, outbox, provider }: { inbox: Inbox; outbox: Outbox; provider: Provider }) {
  const answered =
    <Data extends { orderId: string }>(call: (data: Data, signal: AbortSignal) => Promise<Answer>) =>
    async (message: Message<Data>, context: HandlerContext): Promise<void> => {
      const { orderId } = message.data;
      const answer = await call(message.data, context.signal);
      const reply = inbox.once(() => outbox.publish(stepAnswered, { orderId, answer }, { subject: orderId }));
      await reply(message, context);
    };

  const subscribe = async (messaging: Messaging): Promise<void> => {
    const options = { group: 'payments', concurrency: 16, timeout: '15s', ...UNTIL_EXPIRED };
    await messaging.subscribe(
      takePayment,
      options,
      answered(async ({ orderId, amount, card }, signal) => {
        const isTaken = await provider.take({ key: orderId, amount, card }, signal);
        return isTaken ? 'payment_taken' : 'payment_declined';
      }),
    );
    await messaging.subscribe(
      refundPayment,
      options,
      answered(async ({ orderId }, signal) => {
        await provider.refund(orderId, signal);
        return 'payment_refunded';
      }),
    );
  };

  return { subscribe };
}
