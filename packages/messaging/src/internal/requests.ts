import { randomUUID } from 'node:crypto';
import type { Call } from '@ent/internal';
import type { DriverCall, MessagingDriver, WireMessage } from '../driver.ts';
import { messagingErrors } from '../errors.ts';
import type { Timing } from './clock.ts';
import { reasonOf } from './dead-letter.ts';
import { type Payloads, PLAIN } from './payload.ts';
import { RunningSubscription } from './running.ts';
import { store } from './send.ts';
import type { SubscriptionHost } from './setup.ts';
import { HEADERS, type Handler, isName } from '../message.ts';

/** Where replies go: a topic of each requester, under this name, for this group. */
const REPLIES = 'replies.';
const GROUP = 'replies';
const FAILED = 'failed';
/** Read as JSON, also where a serializer of the application has a JSON of its own. */
const FAILURE_TYPE = 'application/vnd.ent.failure+json';
/** More often than a temporary group is removed. */
const STILL_HERE_MS = 20 * 60_000;

/** Replies that are waited for. */
export class Requests {
  readonly topic = `${REPLIES}${randomUUID()}`;
  readonly #driver: MessagingDriver;
  readonly #brokerTimeoutMs: number;
  readonly #time: Timing;
  readonly #payloads: Payloads;
  readonly #open = new Map<string, PromiseWithResolvers<unknown>>();
  #starting: Promise<RunningSubscription> | undefined;
  #cancel = (): void => {};

  constructor(driver: MessagingDriver, brokerTimeoutMs: number, time: Timing, payloads: Payloads) {
    this.#driver = driver;
    this.#brokerTimeoutMs = brokerTimeoutMs;
    this.#time = time;
    this.#payloads = payloads;
  }

  /** Receives replies from here on. */
  async start(call: Call): Promise<void> {
    this.#starting ??= this.#start(call).catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    });
    await call.guard(this.#starting);
  }

  /** Sends a message, and settles with the reply to it. */
  async ask(
    id: string,
    what: string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    send: () => Promise<unknown>,
  ): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    this.#open.set(id, waiting);
    const late = (): void =>
      waiting.reject(messagingErrors.timeout(`Nobody replied to ${what} within ${timeoutMs} ms.`));
    const giveUp = (): void => waiting.reject(signal?.reason);
    const cancel = this.#time.clock.after(timeoutMs, late, true);
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp();
    try {
      // A reply may be there before the broker has confirmed the request.
      send().catch(waiting.reject);
      return await waiting.promise;
    } finally {
      cancel();
      signal?.removeEventListener('abort', giveUp);
      this.#open.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#cancel();
    const closed = messagingErrors.closed('This messaging was closed.');
    for (const { reject } of this.#open.values()) reject(closed);
    const running = await this.#starting?.catch(() => undefined);
    if (!running) return;
    await running.close(0);
    // Else the broker does it, an hour later.
    await this.#driver.remove({ topic: this.topic, group: GROUP }, this.#call()).catch(() => {});
  }

  async #start(call: Call): Promise<RunningSubscription> {
    const spec = { topic: this.topic, group: GROUP, isTemporary: true };
    const running = new RunningSubscription({
      ...spec,
      driver: this.#driver,
      payloads: this.#payloads,
      schema: undefined,
      handler: this.#take,
      concurrency: 1,
      prefetch: 100,
      maxAttempts: 1,
      timeoutMs: this.#brokerTimeoutMs,
      brokerTimeoutMs: this.#brokerTimeoutMs,
      time: this.#time,
      backoff: () => 0,
      deadLetter: undefined,
      hooks: undefined,
      retries: undefined,
    });
    await running.start(call);
    const stay = (): void => {
      this.#cancel = this.#time.clock.after(STILL_HERE_MS, () => {
        // When it is lost, the source is opened again, and makes it.
        this.#driver.ensure(spec, this.#call()).catch(() => {});
        stay();
      });
    };
    stay();
    return running;
  }

  #call(): DriverCall {
    return {
      deadlineAt: performance.now() + this.#brokerTimeoutMs,
      signal: AbortSignal.timeout(this.#brokerTimeoutMs),
    };
  }

  readonly #take: Handler = ({ data, headers }) => {
    const waiting = this.#open.get(headers[HEADERS.inReplyTo] ?? '');
    if (headers[HEADERS.reply] !== FAILED) return waiting?.resolve(data);
    const { code } = data as { code: string };
    waiting?.reject(messagingErrors.request_failed(`The request was answered with ${code}.`, { details: { code } }));
  };
}

/**
 * Makes of a handler one that replies with what it answers, or with the code of what it throws, to who asks for that.
 * The message is done when the reply is stored, or when nobody waits for it.
 */
export function replying(handler: Handler, { driver, payloads, time }: SubscriptionHost, source: string): Handler {
  return async (message, context) => {
    const to = message.headers[HEADERS.replyTo];
    if (!isName(to) || !to.startsWith(REPLIES)) return handler(message, context);
    const letter = (body: Uint8Array, contentType: string, status: string): WireMessage => ({
      id: randomUUID(),
      topic: to,
      group: GROUP,
      type: to,
      source,
      subject: undefined,
      time: time.clock.now(),
      contentType,
      headers: {
        [HEADERS.inReplyTo]: message.id,
        [HEADERS.reply]: status,
        [HEADERS.correlationId]: message.correlationId,
        [HEADERS.causationId]: message.id,
      },
      body,
    });
    let reply: WireMessage;
    try {
      const answer = (await handler(message, context)) ?? null;
      reply = letter(payloads.encode(answer, to), payloads.contentType, 'ok');
    } catch (error) {
      // The requester is told, and decides whether to ask again.
      reply = letter(PLAIN.encode({ code: reasonOf(error) }, to), FAILURE_TYPE, FAILED);
    }
    await store(driver, reply, undefined, time, context.signal);
  };
}
