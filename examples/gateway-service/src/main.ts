import { ConfigurationError } from '@ent/errors';
import { stopOnSignals } from '@ent/lifecycle';
import { createLogger } from '@ent/logging';
import { createApp } from './app.ts';
import { type Config, config } from './config.ts';

/** sysexits.h: something is wrong with the configuration, and starting again will not mend it. */
const EX_CONFIG = 78;

function readConfig(): Config {
  try {
    return config.get();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    console.error(error.message);
    process.exit(EX_CONFIG);
  }
}

const settings = readConfig();
const logger = createLogger({
  level: settings.LOG_LEVEL,
  ...(settings.LOG_FORMAT && { format: settings.LOG_FORMAT }),
  service: { name: 'gateway-service' },
  logUncaught: true,
});
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
  logger.critical('the gateway could not start', { err });
  await logger.close();
  process.exit(1);
}
