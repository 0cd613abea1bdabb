import { stopOnSignals } from '@ent/lifecycle';
import { createLogger, type Logger } from '@ent/logging';
import { ConfigurationError } from '@ent/errors';
import { logRequests } from './access-log.ts';
import { createApp } from './app.ts';
import { type Config, config } from './config.ts';

/** sysexits.h: something is wrong with the configuration, and starting again will not mend it. */
const EX_CONFIG = 78;

function readConfig(): Config {
  try {
    return config.get();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    // Before there is a logger, to a person: every fault at once.
    console.error(error.message);
    process.exit(EX_CONFIG);
  }
}

async function start(settings: Config, logger: Logger): Promise<void> {
  try {
    const app = await createApp(settings, logger);
    stopOnSignals(app, {
      onStop: ({ signal, phase, error }) => {
        if (error !== undefined) logger.error('stopped, but not cleanly', { err: error });
        else logger.info(phase === 'begin' ? `${signal}: draining` : 'stopped');
      },
    });
    await app.start();
  } catch (err) {
    logger.critical('the service could not start', { err });
    await logger.close();
    process.exit(err instanceof ConfigurationError ? EX_CONFIG : 1);
  }
}

const settings = readConfig();
const logger = createLogger({
  level: settings.LOG_LEVEL,
  ...(settings.LOG_FORMAT && { format: settings.LOG_FORMAT }),
  service: { name: 'user-service', environment: settings.NODE_ENV },
  logUncaught: true,
});
logRequests(logger);
await start(settings, logger);
