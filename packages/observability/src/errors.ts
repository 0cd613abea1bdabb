import { ConfigurationError, defineErrors, TimeoutError } from '@ent/errors';

/** The codes of this package. */
export const observabilityErrors = defineErrors('observability', {
  /** An option is one that nobody knows, or is malformed; the message names it. Thrown at set-up. */
  invalid_options: { class: ConfigurationError, title: 'Invalid Observability Options' },
  /** A metric took longer than `collectTimeout` to collect, and is left out of the answer. Never thrown. */
  collect_timeout: { class: TimeoutError, title: 'A Metric Took Too Long To Collect' },
});
