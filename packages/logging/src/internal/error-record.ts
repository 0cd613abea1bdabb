import { EntError, type ErrorRecord as Thrown, toErrorRecord } from '@ent/errors';

/** An error as every format needs it. */
export interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  /**
   * What else the error says of itself. For errors of `@ent/errors` all of it; for others the code alone: the further
   * properties of a database's or HTTP client's error hold row values and request headers.
   */
  readonly more: Readonly<Record<string, unknown>>;
  readonly cause: ErrorRecord | undefined;
  /** The errors that it stands for: the members of an AggregateError, both errors of a SuppressedError. */
  readonly errors: readonly ErrorRecord[] | undefined;
}

/** Anything that was thrown, with all that is underneath. Never throws, is bounded, and cuts cycles. */
export function recordError(value: unknown): ErrorRecord {
  try {
    // A class of an application can have a form of its own.
    return fromThrown(EntError.is(value) ? value.toLog() : toErrorRecord(value));
  } catch {
    return fromThrown({ name: 'Unreadable', message: 'The error could not be read.' });
  }
}

function fromThrown({ name, message, stack, cause, errors, ...more }: Thrown): ErrorRecord {
  return {
    type: name,
    message,
    stack,
    more,
    cause: cause && fromThrown(cause),
    errors: errors?.map(fromThrown),
  };
}

/** The stacks of an error and of all that is underneath as one text, as runtimes print it. */
export function stackChain(error: ErrorRecord): string {
  let text = error.stack ?? (error.message === '' ? error.type : `${error.type}: ${error.message}`);
  const lead = error.type === 'SuppressedError' ? ['Thrown by the disposal', 'Suppressed'] : [];
  (error.errors ?? []).forEach((part, i) => (text += `\n${lead[i] ?? 'One of'}: ${stackChain(part)}`));
  return error.cause === undefined ? text : `${text}\nCaused by: ${stackChain(error.cause)}`;
}
