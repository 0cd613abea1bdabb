import { ConfigurationError, defineErrors, InternalError, TimeoutError } from '@ent/errors';

/** What can go wrong while a process starts and stops; `details.component` names the part. */
export const lifecycleErrors = defineErrors('lifecycle', {
  /** The `start` of a component threw; `cause` is what it threw. What had started was stopped again. */
  start_failed: {
    class: InternalError,
    status: 500,
    title: 'A component did not start',
    retryable: 'never',
    expose: false,
  },
  /** The `start` of a component took longer than `startTimeout`. */
  start_timeout: {
    class: TimeoutError,
    status: 503,
    title: 'A component did not start in time',
    retryable: 'never',
    expose: false,
  },
  /** `stop()` was called during the start. */
  start_aborted: {
    class: InternalError,
    status: 500,
    title: 'The start was given up',
    retryable: 'never',
    expose: false,
  },
  /** The `stop` of a component threw; one of the errors of the `AggregateError` of `stop()`. */
  stop_failed: {
    class: InternalError,
    status: 500,
    title: 'A component did not stop cleanly',
    retryable: 'never',
    expose: false,
  },
  /** A component had not stopped when the time was up; one of the errors of the `AggregateError` of `stop()`. */
  stop_timeout: {
    class: TimeoutError,
    status: 503,
    title: 'A component did not stop in time',
    retryable: 'never',
    expose: false,
  },
  /** `add()` or `start()` was called after the start. */
  wrong_state: {
    class: InternalError,
    status: 500,
    title: 'The lifecycle is past this step',
    retryable: 'never',
    expose: false,
  },
  /** An option is one that nobody knows, or is no duration; or parts cannot be ordered by their `after`. */
  invalid_options: {
    class: ConfigurationError,
    status: 500,
    title: 'The lifecycle is set up wrongly',
    retryable: 'never',
    expose: false,
  },
  /** A health check answered `false`. It stands in the report, and is not thrown. */
  check_failed: {
    class: InternalError,
    status: 503,
    title: 'A health check failed',
    retryable: 'always',
    expose: false,
  },
  /** A health check took longer than its timeout. It stands in the report, and is not thrown. */
  check_timeout: {
    class: TimeoutError,
    status: 503,
    title: 'A health check took too long',
    retryable: 'always',
    expose: false,
  },
});
