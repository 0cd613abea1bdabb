import { createMigrator } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { createListener } from '@ent/http';
import { createLifecycle, type Lifecycle } from '@ent/lifecycle';
import type { Logger } from '@ent/logging';
import { createMetrics } from '@ent/observability/prometheus';
import { opsRoutes } from '../ops/routes.ts';
import { httpServer } from '../server.ts';
import type { Config } from './config.ts';
import { faults } from './faults.ts';
import { migrations } from './migrations.ts';
import { createBooks } from './payment.ts';
import { providerRoutes } from './routes.ts';

/** The payment provider: somebody else's service, as the shop sees it. */
export async function createProviderApp(config: Config, logger: Logger): Promise<Lifecycle> {
  const db = await openDatabase<SqlNative>(config.DATABASE_URL);
  const app = createLifecycle({ health: { serviceId: 'payment-provider' } });
  const { FAULT_SEED: seed, FAULT_REFUSE: refuse, FAULT_LOSE: lose, FAULT_DELAY: delay } = config;
  const routes = [...providerRoutes(createBooks(db)), ...opsRoutes(app.health, createMetrics({ version: '1.0.0' }))];
  const listener = createListener(routes, {
    denyByDefault: true,
    middleware: [faults({ seed, refuse, lose, delay })],
  });
  return app
    .add('database', {
      start: (signal) => createMigrator(db, migrations).up({ signal }),
      stop: () => db.close(),
      check: () => db.ping(),
      health: { type: 'datastore' },
    })
    .add('http', httpServer(listener, { ...config, DRAIN_TIME: 0 }, logger));
}
