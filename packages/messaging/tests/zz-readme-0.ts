import { createMessaging } from '@ent/messaging';
import { memory } from '@ent/messaging/memory';

const messaging = createMessaging({ driver: memory(), source: 'shop' });
await messaging.subscribe('order.placed', { group: 'mailer', concurrency: 10 }, async (message, { signal }) => {
  console.log(message.id, message.data, signal.aborted);
});
await messaging.publish('order.placed', { order: 42 });
await new Promise((resolve) => setTimeout(resolve, 50));
await messaging.close(); // waits for handlers that run
