import { ConfigurationError, defineErrors } from '@ent/errors';

/** The error codes of this package. Only making and configuring a logger throws; a call that logs never does. */
export const loggingErrors = defineErrors('logging', {
  /** An option of a logger, a sink or `setLevel` is not one of the values it can have. */
  invalid_option: { class: ConfigurationError, title: 'Invalid logging option', retryable: 'never', expose: false },
  /** A log file or its folder cannot be opened for writing. */
  sink_unavailable: { class: ConfigurationError, title: 'Log sink unavailable', retryable: 'never', expose: false },
});
