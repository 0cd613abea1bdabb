import { type Awaitable, chain, refuseUnknown, traced } from '@ent/internal';
import { channels, type PublishOperation } from './channels.ts';
import type { MessagingDriver, SendResult, WireMessage } from './driver.ts';
import { messagingErrors } from './errors.ts';
import { withCall } from './internal/call.ts';
import type { Timing } from './internal/clock.ts';
import { ABOUT, type About, type Origin, prepareMessage } from './internal/prepare.ts';
import { sendAll, wrap } from './internal/send.ts';
import type { Topic } from './message.ts';
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

const CALL = { mandatory: true, signal: true } as const;
const PUBLISH_OPTIONS = { ...ABOUT, ...CALL, priority: true } as const;
const ITEM = { ...ABOUT, priority: true, data: true } as const;
const NOTHING: PublishOptions = Object.freeze({});

/** Sends what was checked: with a deadline, again while that can help, and with one span around it all. */
export function createPublisher(
  origin: Origin & { readonly driver: MessagingDriver },
  timeoutMs: number,
  time: Timing,
): Publisher {
  const { driver } = origin;
  const prepare = (topic: string | Topic, data: unknown, about: About): Awaitable<WireMessage> =>
    prepareMessage(topic, data, about, origin);

  const send = (messages: readonly WireMessage[], mandatory: boolean, signal?: AbortSignal): Awaitable<Published[]> => {
    const timeout = (): Error =>
      messagingErrors.timeout(
        `${driver.name} did not confirm within ${timeoutMs} ms; the message may have been stored.`,
      );
    const results = withCall(timeoutMs, timeout, signal, (call) => sendAll(driver, messages, time, call));
    if (!(results instanceof Promise)) return publishedOf(driver, messages, results, mandatory);
    return results.then((later) => publishedOf(driver, messages, later, mandatory));
  };

  const sendTraced = (
    messages: readonly WireMessage[],
    mandatory: boolean,
    signal?: AbortSignal,
  ): Awaitable<Published[]> => {
    if (!channels.publish.hasSubscribers) return send(messages, mandatory, signal);
    const { topic } = messages[0] as WireMessage;
    const operation: PublishOperation = {
      driver: driver.name,
      topic,
      messages: messages.map(({ id, headers }) => ({ id, headers: headers as Record<string, string> })),
      outcome: 'failed',
    };
    return traced(channels.publish, operation, () =>
      chain(send(messages, mandatory, signal), (published) => {
        operation.outcome = published.every(({ status }) => status === 'stored') ? 'stored' : 'unroutable';
        return published;
      }),
    );
  };

  return {
    async publish(topic, data, options = NOTHING) {
      if (options !== NOTHING) refuseUnknown(options, PUBLISH_OPTIONS, 'publish', messagingErrors.invalid_options);
      const message = prepare(topic, data, options);
      const messages = [message instanceof Promise ? await message : message];
      const published = sendTraced(messages, options.mandatory ?? false, options.signal);
      return (published instanceof Promise ? await published : published)[0] as Published;
    },
    async publishMany(topic, items, options = NOTHING) {
      refuseUnknown(options, CALL, 'publishMany', messagingErrors.invalid_options);
      if (!isList(items)) throw messagingErrors.invalid_options('publishMany takes a list of messages.');
      for (const item of items) refuseUnknown(item, ITEM, 'publishMany: message', messagingErrors.invalid_options);
      const prepared = items.map((item) => prepare(topic, item.data, item));
      if (prepared.length === 0) return [];
      return sendTraced(await allOf(prepared), options.mandatory ?? false, options.signal);
    },
  };
}

function allOf<T>(items: readonly Awaitable<T>[]): Awaitable<T[]> {
  const known = items.filter((item) => !(item instanceof Promise));
  return known.length === items.length ? (known as T[]) : Promise.all(items.map(async (item) => item));
}

/** JavaScript gives anything. */
function isList(items: unknown): boolean {
  return Array.isArray(items);
}

function publishedOf(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  results: readonly SendResult[],
  mandatory: boolean,
): Published[] {
  const failed: number[] = [];
  const published = messages.map((message, at): Published => {
    const status = results[at]?.status;
    if (status === 'stored') return { id: message.id, status };
    if (status !== 'unroutable' || mandatory) failed.push(at);
    return { id: message.id, status: 'unroutable' };
  });
  if (failed.length > 0) throw failureOf(driver, messages, results, failed, mandatory);
  return published;
}

function failureOf(
  driver: MessagingDriver,
  messages: readonly WireMessage[],
  results: readonly SendResult[],
  failed: readonly number[],
  mandatory: boolean,
): Error {
  const [first = 0] = failed;
  const result = results[first];
  const details = { failedIds: failed.map((at) => messages[at]!.id) };
  const what = `${failed.length} of ${messages.length} messages for "${messages[first]!.topic}" could not be sent`;
  if (mandatory && result?.status === 'unroutable') {
    return messagingErrors.unroutable(
      `${what}: no group of the topic exists. Subscribe first, or publish without "mandatory".`,
      {
        details,
      },
    );
  }
  const isStored = results.some(({ status }) => status === 'indeterminate');
  const cause = result && 'error' in result ? result.error : undefined;
  return wrap(driver, cause, `${what}, and ${isStored ? 'may have been stored' : 'were not stored'}`, details);
}
