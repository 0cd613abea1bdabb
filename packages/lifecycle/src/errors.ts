import { ConfigurationError, defineErrors, InternalError, TimeoutError } from '@ent/errors';

/** What can go wrong while a process starts and stops; `details.component` names the part. */
export const lifecycleErrors = defineErrors('lifecycle', {
  start_failed: {
    class: InternalError,
    status: 500,
    title: 'A component did not start',
    retryable: 'never',
    expose: false,
  },
  start_timeout: {
    class: TimeoutError,
    status: 503,
    title: 'A component did not start in time',
    retryable: 'never',
    expose: false,
  },
  start_aborted: {
    class: InternalError,
    status: 500,
    title: 'The start was given up',
    retryable: 'never',
    expose: false,
  },
  stop_failed: {
    class: InternalError,
    status: 500,
    title: 'A component did not stop cleanly',
    retryable: 'never',
    expose: false,
  },
  stop_timeout: {
    class: TimeoutError,
    status: 503,
    title: 'A component did not stop in time',
    retryable: 'never',
    expose: false,
  },
  wrong_state: {
    class: InternalError,
    status: 500,
    title: 'The lifecycle is past this step',
    retryable: 'never',
    expose: false,
  },
  invalid_options: {
    class: ConfigurationError,
    status: 500,
    title: 'The lifecycle is set up wrongly',
    retryable: 'never',
    expose: false,
  },
  check_failed: {
    class: InternalError,
    status: 503,
    title: 'A health check failed',
    retryable: 'always',
    expose: false,
  },
  check_timeout: {
    class: TimeoutError,
    status: 503,
    title: 'A health check took too long',
    retryable: 'always',
    expose: false,
  },
});
