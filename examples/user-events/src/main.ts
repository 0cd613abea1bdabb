import { stopOnSignals } from '@ent/lifecycle';
import { createLogger } from '@ent/logging';
import { createApp } from './app.ts';
import { config } from './config.ts';
import { settingsOf } from './settings.ts';

const settings = settingsOf(config);
const logger = createLogger({ level: settings.LOG_LEVEL, service: { name: 'user-events' }, logUncaught: true });
try {
  const app = await createApp(settings, logger);
  stopOnSignals(app, {
    onStop: ({ phase, error }) => {
      if (error !== undefined) logger.error('stopped, but not cleanly', { err: error });
      else if (phase === 'end') logger.info('stopped');
    },
  });
  await app.start();
} catch (err) {
  logger.critical('the consumer could not start', { err });
  await logger.close();
  process.exit(1);
}
