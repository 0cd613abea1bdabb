import { createMigrator } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { createLifecycle, type Lifecycle } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import { defineTopic } from '@ent/messaging';
import { createInbox } from '@ent/messaging/inbox';
import { openMessaging } from '@ent/messaging/open';
import { createMetrics } from '@ent/observability/prometheus';
import { z } from 'zod';
import { createActivity, migrations } from './activity.ts';
import type { Config } from './config.ts';
import { probes } from './probes.ts';

const NAME = 'user-events';
const VERSION = '1.0.0';

/** What is read of an event. More may stand in it: its publisher goes on. */
const UserEvent = z.object({ userId: z.string(), version: z.int() });
const topics = ['user.created', 'user.updated', 'user.deleted'].map((name) => defineTopic(name, UserEvent));

/** Puts the consumer together. */
export async function createApp(config: Config, logger: Logger): Promise<Lifecycle> {
  const db = await openDatabase<SqlNative>(config.DATABASE_URL);
  const messaging = await openMessaging(config.BROKER_URL, { source: NAME });
  const inbox = createInbox({ db });
  const activity = createActivity(db);

  const app = createLifecycle({ health: { serviceId: NAME } });
  return app
    .add('probes', probes(app.health, createMetrics({ version: VERSION }), config, logger))
    .add('database', {
      async start(signal) {
        await createMigrator(db, migrations).up({ signal });
      },
      stop: () => db.close(),
      check: () => db.ping(),
    })
    .add('events', {
      async start() {
        for (const topic of topics) {
          const handler = inbox.once<z.output<typeof UserEvent>>(({ type, data }) => activity.apply(type, data));
          await messaging.subscribe(topic, { group: NAME, concurrency: 4, prefetch: 20 }, handler);
        }
        logger.info('listening to events', { topics: topics.map(({ name }) => name) });
      },
      stop: () => messaging.close(),
      check: () => messaging.ping(),
    });
}
