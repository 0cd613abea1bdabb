import { ConfigurationError } from '@ent/errors';
import { type Lifecycle, stopOnSignals } from '@ent/lifecycle';
import { createLogger, type Logger } from '@ent/logging';
import { logRequests } from './access-log.ts';
import type { LogSettings } from './config.ts';

/** sysexits.h: something is wrong with the configuration, and starting again will not mend it. */
const EX_CONFIG = 78;

/** From the settings to the last line of the log: what both programs of this example are around their parts. */
export async function run<Settings extends LogSettings>(
  name: string,
  config: { get(): Settings },
  createApp: (settings: Settings, logger: Logger) => Promise<Lifecycle>,
): Promise<void> {
  const settings = settingsOf(config);
  const { LOG_LEVEL: level, LOG_FORMAT: format } = settings;
  const logger = createLogger({ level, ...(format && { format }), service: { name }, logUncaught: true });
  logRequests(logger);
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

/** The settings; without them there is no start. */
export function settingsOf<Settings>(config: { get(): Settings }): Settings {
  try {
    return config.get();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    // Before there is a logger, to a person: every fault at once.
    console.error(error.message);
    process.exit(EX_CONFIG);
  }
}
