import { ConfigurationError, defineErrors, MessageQueueError, UnsupportedError, ValidationError } from '@ent/errors';

const failure = { class: MessageQueueError, status: 503, expose: false } as const;
const misuse = { class: ConfigurationError, status: 500, retryable: 'never', expose: false } as const;

/** What this package throws. Each entry makes an error: `messagingErrors.unprocessable('why')`. */
export const messagingErrors = defineErrors('messaging', {
  /** The time was up before the broker confirmed. The message may have been stored. */
  timeout: { ...failure, title: 'Messaging timed out', retryable: 'idempotent' },
  /** The broker cannot be reached, or takes no messages for now. Of `publish`: the message was not stored. */
  unavailable: { ...failure, title: 'Messaging unavailable', retryable: 'idempotent' },
  /** The broker refused the message, for certain: a full queue, for example. */
  rejected: { ...failure, title: 'Message refused', retryable: 'always' },
  /** `mandatory` was asked for, and no group would get the message. */
  unroutable: { ...failure, status: 500, title: 'Nobody to receive the message', retryable: 'never' },
  /** The handler of a request failed; `details.code` is the code of its error. */
  request_failed: { ...failure, status: 500, title: 'Request failed', retryable: 'never' },
  /** Publisher or subscription is closed. */
  closed: { ...failure, title: 'Messaging closed', retryable: 'never' },
  /** The driver failed in a way that it does not know; `cause` is what it threw. */
  driver_failed: { ...failure, status: 500, title: 'Messaging failed', retryable: 'never' },
  /** The data cannot be written, as JSON or by the serializer. */
  not_serializable: { ...misuse, class: ValidationError, title: 'Message not serialisable' },
  /** The data does not fit the topic's schema; `issues` says where. */
  invalid_payload: { ...misuse, class: ValidationError, title: 'Invalid message' },
  /** Nobody here reads such data: the message goes to the dead letters. */
  unknown_content_type: { ...misuse, class: ValidationError, title: 'Unknown content type' },
  /** The message is longer than the broker takes. */
  too_large: { ...misuse, class: ValidationError, title: 'Message too large' },
  /** Thrown by a handler: trying again would not help, the message goes to the dead letters at once. */
  unprocessable: { ...misuse, class: ValidationError, status: 422, title: 'Message cannot be processed' },
  /**
   * Thrown by a handler that cannot begin just now, as that of an inbox whose database has no time for it: the message
   * comes again after a wait, and no attempt is counted.
   */
  busy: { ...failure, title: 'Too busy to handle the message', retryable: 'always' },
  /** Aborts the signal of a handler whose message now belongs to another subscriber. */
  lease_lost: { ...failure, title: 'Message delivered elsewhere', retryable: 'never' },
  /** `outbox.publish` outside of a transaction: a crash could store the change and not the message. */
  no_transaction: { ...misuse, title: 'Not in a transaction' },
  /** The driver cannot do it, and says so before anything is asked. */
  unsupported: { ...misuse, class: UnsupportedError, status: 501, title: 'Not supported by the broker' },
  /** An option or a name is wrong. */
  invalid_options: { ...misuse, title: 'Invalid messaging options' },
  /** `openMessaging` does not know the scheme of the URL. */
  unknown_scheme: { ...misuse, title: 'Unknown messaging URL' },
});
