import { defineTopic } from '@ent/messaging';
import { openMessaging } from '@ent/messaging/open';
import { z } from 'zod';

const userCreated = defineTopic('user.created', z.object({ id: z.string(), at: z.coerce.date<string>() }));

const messaging = await openMessaging(process.env.BROKER_URL ?? 'memory:', { source: 'users' });
await messaging.subscribe(userCreated, { group: 'audit' }, ({ data }) => {
  console.log(data.id, data.at.getFullYear());
});
await messaging.publish(userCreated, { id: 'u1', at: new Date().toISOString() });
await new Promise((resolve) => setTimeout(resolve, 50));
await messaging.close();
