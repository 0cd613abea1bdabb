import { randomUUID } from 'node:crypto';
import { currentContext, traced } from '@ent/internal';
import { channels, type PublishOperation } from './channels.ts';
import type { MessagingDriver, SendResult, WireMessage } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { withCall } from './internal/call.ts';
import type { Timing } from './internal/clock.ts';
import { decode, encode, JSON_TYPE, validate } from './internal/payload.ts';
import { RETRY_PREFIX } from './internal/retry.ts';
import { sendAll, wrap } from './internal/send.ts';
import { checkName, HEADERS, type Topic } from './message.ts';
import type { PublishOptions } from './options.ts';

/** One message of a batch: its data, and what may be said beside it. */
export interface BatchItem<T = unknown> extends Omit<PublishOptions, 'signal' | 'mandatory'> {
  readonly data: T;
}

/** What became of a message. `unroutable`: there is no group to get it. */
export interface Published {
  readonly id: string;
  readonly status: 'stored' | 'unroutable';
}

/** Sends messages. */
export interface Publisher {
  /**
   * Sends one message, and returns when the broker has it. Delivered at least once to each group: a failure that leaves
   * open whether it was stored is followed by another try under the same id.
   *
   * @throws `messaging.not_serializable`, `messaging.invalid_payload`, `messaging.too_large` before anything is sent;
   *   `messaging.timeout`, `messaging.unavailable`, `messaging.rejected`, `messaging.unroutable`, `messaging.closed`
   */
  publish<Input>(
    topic: string | Topic<Input, unknown>,
    data: NoInfer<Input>,
    options?: PublishOptions,
  ): Promise<Published>;
  /**
   * Sends several messages of one topic in one batch, in their order. All are checked before the first is sent.
   *
   * @throws as `publish`; when only some could be sent, the error of the first that could not, and
   *   `details.failedIds` names all of them
   */
  publishMany<Input>(
    topic: string | Topic<Input, unknown>,
    items: readonly BatchItem<NoInfer<Input>>[],
    options?: Pick<PublishOptions, 'signal' | 'mandatory'>,
  ): Promise<Published[]>;
}

const HEADER = /^[a-z0-9][a-z0-9-]{0,99}$/;
const VALUE = /^[\x20-\x7e]{0,4096}$/;
/** Attributes of CloudEvents: any text but control characters. */
const ATTRIBUTE = /^\P{Cc}{1,1024}$/u;

/** Sends what was checked: with a deadline, again while that can help, and with one span around it all. */
export function createPublisher(driver: MessagingDriver, source: string, timeoutMs: number, time: Timing): Publisher {
  const prepare = async <Input>(
    topic: string | Topic<Input, unknown>,
    item: BatchItem<Input>,
  ): Promise<WireMessage> => {
    const name = checkName('topic', typeof topic === 'string' ? topic : topic.name);
    const body = encode(item.data, name);
    const limit = driver.features.maxMessageBytes;
    if (limit !== null && body.byteLength > limit) {
      throw messagingErrors.too_large(
        `The message for "${name}" has ${body.byteLength} bytes; ${driver.name} takes ${limit}.`,
      );
    }
    // What the consumers will read is checked, not what was handed in: a Date, for example, is a string by then.
    if (typeof topic !== 'string') await validate(topic.schema, decode(body, JSON_TYPE), name);
    const id = item.id ?? randomUUID();
    if (typeof id !== 'string' || !VALUE.test(id) || id === '')
      throw messagingErrors.invalid_options('"id" must be printable text.');
    return {
      id,
      topic: name,
      type: checkAttribute('type', item.type ?? name),
      source,
      subject: item.subject === undefined ? undefined : checkAttribute('subject', item.subject),
      time: time.clock.now(),
      contentType: JSON_TYPE,
      headers: headersOf(item, id),
      body,
    };
  };

  const send = async (
    messages: readonly WireMessage[],
    mandatory: boolean,
    signal?: AbortSignal,
  ): Promise<Published[]> => {
    const timeout = (): Error =>
      messagingErrors.timeout(
        `${driver.name} did not confirm within ${timeoutMs} ms; the message may have been stored.`,
      );
    const results = await withCall(timeoutMs, timeout, signal, (call) => sendAll(driver, messages, time, call));
    const failed = messages.filter((_, at) => isFailure(results[at], mandatory));
    if (failed.length > 0) throw failureOf(driver, messages, results, failed, mandatory);
    return messages.map(({ id }, at) => ({ id, status: (results[at] as SendResult).status as Published['status'] }));
  };

  const sendTraced = async (
    messages: readonly WireMessage[],
    mandatory: boolean,
    signal?: AbortSignal,
  ): Promise<Published[]> => {
    if (!channels.publish.hasSubscribers) return send(messages, mandatory, signal);
    const { topic } = messages[0] as WireMessage;
    const operation: PublishOperation = {
      driver: driver.name,
      topic,
      messages: messages.map(({ id, headers }) => ({ id, headers: headers as Record<string, string> })),
      outcome: 'failed',
    };
    return traced(channels.publish, operation, async () => {
      const published = await send(messages, mandatory, signal);
      operation.outcome = published.every(({ status }) => status === 'stored') ? 'stored' : 'unroutable';
      return published;
    });
  };

  return {
    async publish(topic, data, options = {}) {
      const { signal, mandatory = false, ...rest } = options;
      const message = await prepare(topic, { ...rest, data });
      return (await sendTraced([message], mandatory, signal))[0] as Published;
    },
    async publishMany(topic, items, options = {}) {
      if (items.length === 0) return [];
      const messages = await Promise.all(items.map((item) => prepare(topic, item)));
      return sendTraced(messages, options.mandatory ?? false, options.signal);
    },
  };
}

/** An attribute that every broker carries as it is. */
export function checkAttribute(name: string, value: string): string {
  if (typeof value === 'string' && ATTRIBUTE.test(value) && value.isWellFormed()) return value;
  throw messagingErrors.invalid_options(`"${name}" must be text of 1 to 1024 characters without control characters.`);
}

function isFailure(result: SendResult | undefined, mandatory: boolean): boolean {
  return result === undefined || !(result.status === 'stored' || (result.status === 'unroutable' && !mandatory));
}

function failureOf(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  results: readonly SendResult[],
  failed: readonly WireMessage[],
  mandatory: boolean,
): Error {
  const first = failed[0] as WireMessage;
  const result = results[messages.indexOf(first)];
  const details = { failedIds: failed.map(({ id }) => id) };
  const what = `${failed.length} of ${messages.length} messages for "${first.topic}" could not be sent`;
  if (mandatory && result?.status === 'unroutable') {
    return messagingErrors.unroutable(
      `${what}: no group of the topic exists. Subscribe first, or publish without "mandatory".`,
      {
        details,
      },
    );
  }
  const cause = result && 'error' in result ? result.error : undefined;
  return wrap(driver, cause, what, details);
}

function headersOf(item: BatchItem, id: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(item.headers ?? {})) {
    if (!HEADER.test(name) || typeof value !== 'string' || !VALUE.test(value)) {
      throw messagingErrors.invalid_options(
        `The header ${JSON.stringify(name)} is not one: names in lower case with "-", values of printable ASCII, at most 4096.`,
      );
    }
    if (name.startsWith(RETRY_PREFIX)) {
      throw messagingErrors.invalid_options(`Headers that begin with "${RETRY_PREFIX}" are set by retries alone.`);
    }
    headers[name] = value;
  }
  const context = currentContext();
  const correlationId = item.correlationId ?? text(context?.correlationId) ?? text(context?.requestId) ?? id;
  if (!VALUE.test(correlationId)) throw messagingErrors.invalid_options('"correlationId" must be printable text.');
  headers[HEADERS.correlationId] = correlationId;
  const causationId = text(context?.messageId);
  if (causationId !== undefined) headers[HEADERS.causationId] = causationId;
  return headers;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && VALUE.test(value) ? value : undefined;
}
