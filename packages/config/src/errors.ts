import { ConfigurationError, defineErrors } from '@ent/errors';

/** The codes of this package. */
export const configErrors = defineErrors('config', {
  /** Settings are missing, malformed or unknown; the message lists them all. */
  invalid: { class: ConfigurationError, title: 'The configuration is not valid' },
  /** The schema itself cannot be read from variables. */
  schema: { class: ConfigurationError, title: 'The configuration schema is not valid' },
  /** An option of this package does not exist, or has a value that it cannot have. */
  invalid_options: { class: ConfigurationError, title: 'The options are not valid' },
});
