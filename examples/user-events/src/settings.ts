import { ConfigurationError } from '@ent/errors';

/** sysexits.h: something is wrong with the configuration, and starting again will not mend it. */
const EX_CONFIG = 78;

/** The settings; without them there is no start. */
export function settingsOf<Settings>(config: { get(): Settings }): Settings {
  try {
    return config.get();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    console.error(error.message);
    process.exit(EX_CONFIG);
  }
}
