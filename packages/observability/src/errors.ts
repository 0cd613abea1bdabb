import { ConfigurationError, defineErrors, TimeoutError } from '@ent/errors';

/** The codes of this package. */
export const observabilityErrors = defineErrors('observability', {
  invalid_options: { class: ConfigurationError, title: 'Invalid Observability Options' },
  collect_timeout: { class: TimeoutError, title: 'A Metric Took Too Long To Collect' },
});
