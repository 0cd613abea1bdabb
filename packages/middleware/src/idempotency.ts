import { createHmac, hash, randomUUID } from 'node:crypto';
import { pipeline, Readable, Transform } from 'node:stream';
import { durationOption, GrowingBytes, outsideContext, refuseUnknown } from '@ent/internal';
import { DEFAULT_MAX_BODY_BYTES } from './body.ts';
import { channels } from './channels.ts';
import { middlewareErrors } from './errors.ts';
import type { Exchange, Reply, ReplyHeaders } from './exchange.ts';
import type { IdempotencyStore } from './idempotency-store.ts';
import { isHanded } from './hosts/exchange-of.ts';
import { isOfApplication, responseOf, watchAnswer } from './hosts/node-watch.ts';
import { demandMethods } from './internal/demand.ts';
import { isReply, isResponse } from './internal/is-reply.ts';
import { isAsyncIterable } from './internal/let-go.ts';
import type { Answer, Middleware } from './middleware.ts';
import type { Duration } from './options.ts';
import { problemReply } from './problem.ts';

/** How {@link idempotency} is set up. */
export interface IdempotencyOptions {
  /**
   * Where answers are kept: `memoryIdempotencyStore()`, or `cacheIdempotencyStore(cache)` of `@ent/middleware/stores`.
   */
  store: IdempotencyStore;
  /**
   * Whose key it is: keys of different callers never meet. `undefined` for a request that is not looked at. Default: a
   * hash of `Authorization` and `Cookie`, so that an answer is repeated to the very credentials that got it. With
   * tokens that are renewed between two attempts, give the subject of the verified token.
   */
  scope?: ((exchange: Exchange) => string | undefined | Promise<string | undefined>) | undefined;
  /** Methods that it is about. Default: POST, PATCH. */
  methods?: readonly string[] | undefined;
  /** Refuses a request of those methods and of a `scope` that has no key, with 400. Default: `false`. */
  required?: boolean | undefined;
  /** How long an answer is kept. Default: `"24h"`. */
  ttl?: Duration | undefined;
  /** After which time without a sign of life of its process a request counts as never begun. Default: `"30s"`. */
  lease?: Duration | undefined;
  /** Most bytes of a request, whose hash is compared, and of an answer that is kept. Default: 1 MiB. */
  maxBytes?: number | undefined;
  /**
   * Whether an answer of this status is kept. Default: below 500, without 401, 403, 408, 409, 425 and 429: those are
   * not what the request came to, and the next attempt is to be made in earnest.
   */
  keep?: ((status: number) => boolean) | undefined;
}

const OPTIONS = {
  store: true,
  scope: true,
  methods: true,
  required: true,
  ttl: true,
  lease: true,
  maxBytes: true,
  keep: true,
} as const;

const PASSING = new Set([401, 403, 408, 409, 425, 429]);

/**
 * What {@link idempotency} takes for an `Idempotency-Key`: a string of RFC 9651, as the draft has it, or the bare text
 * that most clients send. For the schema of a route, so that its document says the same.
 *
 * @example
 * ```ts
 * import { idempotencyKeyPattern } from '@ent/middleware';
 * import { z } from 'zod';
 *
 * const headers = z.object({ 'idempotency-key': z.string().regex(idempotencyKeyPattern).optional() });
 * ```
 */
export const idempotencyKeyPattern = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255}))$/;

function nameOf(header: string | undefined): string {
  const match = idempotencyKeyPattern.exec(header ?? '');
  if (match !== null) return (match[1] ?? match[2]) as string;
  throw middlewareErrors.idempotency_key_invalid(
    'Send "Idempotency-Key" once, as a text of 1 to 255 visible characters that is new for each request.',
  );
}

/** A request that has claimed its key. */
interface Claim {
  readonly key: string;
  readonly fingerprint: string;
  /** What is in the store for it now. */
  readonly record: string;
  readonly renewal: NodeJS.Timeout;
  /** The handler gave a promise, which is not over. */
  waiting: boolean;
  /** It is known what the request came to. */
  settled: boolean;
  /** The answer was sent, or the client is gone. */
  over: boolean;
  /** Ends the watch over what the handler writes by itself. */
  unwatch: (() => void) | undefined;
}

/** What is kept for a key. `reply` is there once the request has been answered. */
interface Kept {
  readonly fingerprint: string;
  readonly reply?: {
    readonly status: number;
    readonly headers?: ReplyHeaders | undefined;
    /** In base64. */
    readonly body?: string | undefined;
  };
}

/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that is sent again with the same key is not
 * done again, but gets the answer of the first, with `Idempotent-Replayed: true`. While the first is still being done
 * it is 409 with `Retry-After`; with another body, path or method 422; with a key that is no text of 1 to 255 visible
 * characters 400.
 *
 * A process that dies while it works leaves the key for `lease`; then the next attempt is done. An answer of 500 and
 * above is not kept, see `keep`; nor is one that is larger than `maxBytes`: their keys are free again. If the store
 * fails at the beginning, so does the request.
 *
 * What a handler writes by the means of its host (`res.json`, a `Response`) is kept too, just after it was sent: who
 * asks again in that moment is told to wait. Where nobody can see what it came to, since a time limit answered first or
 * the client left and no answer was ended, the key is free after `lease`.
 *
 * The body is read here, whole and up to `maxBytes`, beyond which it is 413; it is there for the handler and the
 * parsers of an application all the same. A request that is not to be kept in memory, such as an upload of any size,
 * has no scope: `undefined`. Put it after what refuses requests (`rateLimit`, `csrf`) in the list.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts
 * import { idempotency, memoryIdempotencyStore } from '@ent/middleware';
 *
 * const middleware = [idempotency({ store: memoryIdempotencyStore() })];
 * ```
 */
export function idempotency(options: IdempotencyOptions): Middleware {
  refuseUnknown(options, OPTIONS, 'idempotency', middlewareErrors.invalid_options);
  const { store, scope = credentialsOf, methods = ['POST', 'PATCH'], required = false } = options;
  demandMethods(store, ['claim', 'replace', 'release'], 'idempotency: store');
  const { maxBytes = DEFAULT_MAX_BODY_BYTES, keep = keepsByDefault } = options;
  const ttlMs = durationOption(options.ttl ?? '24h', 'idempotency: ttl', middlewareErrors.invalid_options);
  const leaseMs = durationOption(options.lease ?? '30s', 'idempotency: lease', middlewareErrors.invalid_options);
  if (!Array.isArray(methods)) throw middlewareErrors.invalid_options('idempotency: methods must be a list of texts.');
  const covered = new Set<string>(methods);
  const slot = Symbol('idempotency claim');

  const claim = async (exchange: Exchange, header: string | undefined): Promise<Reply | undefined> => {
    const owner = await scope(exchange);
    // Not looked at: with a key, without one, or with what is none.
    if (owner === undefined) return undefined;
    const name = nameOf(header);
    const fingerprint = await fingerprintOf(exchange, name, maxBytes);
    const key = hash('sha256', `${owner.length}:${owner}:${name}`, 'base64url');
    // Unlike the record of any other attempt, so that a late one cannot take this for its own.
    const record = JSON.stringify({ fingerprint, attempt: randomUUID() });
    const there = await store.claim(key, record, leaseMs);
    if (there !== undefined) return replayed(there, fingerprint);
    const renew = (): void => {
      // One that fails is made up for by the next, which comes well before the end.
      store.replace(key, record, record, leaseMs).catch(() => {});
    };
    const renewal = outsideContext(() => setInterval(renew, Math.max(1, leaseMs / 3)).unref());
    const held: Claim = {
      key,
      fingerprint,
      record,
      renewal,
      waiting: false,
      settled: false,
      over: false,
      unwatch: undefined,
    };
    exchange.state.set(slot, held);
    const res = responseOf(exchange);
    if (res !== undefined) {
      held.unwatch = watchAnswer(res, maxBytes, (reply) => {
        // What `keep` throws has no answer any more that it could change.
        settle(held, reply ?? TOO_LONG).catch(failed);
      });
    }
    return undefined;
  };
  const keepReply = async ({ key, fingerprint, record }: Claim, reply: Reply, body: Uint8Array): Promise<void> => {
    const { status, headers } = reply;
    const kept: Kept = { fingerprint, reply: { status, headers, body: Buffer.from(body).toString('base64') } };
    if (await store.replace(key, record, JSON.stringify(kept), ttlMs)) return;
    throw middlewareErrors.idempotency_lease_lost(
      'The lease of an Idempotency-Key ran out before its request was done, which may have been done twice.',
    );
  };
  const failed = (error: unknown): void =>
    channels.hook.error.publish({ middleware: 'idempotency', hook: 'reply', error });
  /** Nothing that goes wrong here may turn an answer into another one. */
  const end = async (held: Claim, work: () => Promise<unknown>): Promise<void> => {
    clearInterval(held.renewal);
    try {
      await work();
    } catch (error) {
      failed(error);
    }
  };
  const release = (held: Claim): Promise<void> => end(held, () => store.release(held.key, held.record));

  /** What the request came to is known. */
  const settle = async (held: Claim, answer: unknown): Promise<Answer> => {
    held.settled = true;
    held.unwatch?.();
    if (isResponse(answer) && answer.status >= 200 && !answer.bodyUsed && keep(answer.status)) {
      void keepResponse(held, answer.clone());
      // A `Response` goes the way of a reply.
      return answer as unknown as Reply;
    }
    if (answer === TOO_LONG || !isReply(answer) || !keep(answer.status)) {
      await release(held);
      return answer as Answer;
    }
    const reply = answer;
    if (isAsyncIterable(reply.body)) {
      return {
        ...reply,
        body: recorded(
          reply.body,
          maxBytes,
          (body) => end(held, () => keepReply(held, reply, body)),
          () => release(held),
        ),
      };
    }
    const body = Buffer.from(reply.body ?? '');
    if (body.byteLength > maxBytes) await release(held);
    else await end(held, () => keepReply(held, reply, body));
    return reply;
  };

  const keepResponse = async (held: Claim, { status, headers, body }: Response): Promise<void> => {
    const kept: Record<string, string | readonly string[]> = Object.fromEntries(headers as Iterable<[string, string]>);
    delete kept['content-length'];
    if (kept['set-cookie'] !== undefined) kept['set-cookie'] = headers.getSetCookie();
    const whole = new GrowingBytes();
    try {
      for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
        if (whole.size + chunk.byteLength > maxBytes) return await release(held);
        whole.add(chunk);
      }
    } catch {
      return release(held);
    }
    return end(held, () => keepReply(held, { status, headers: kept }, whole.all()));
  };

  return {
    name: 'idempotency',
    before(exchange) {
      if (!covered.has(exchange.method)) return undefined;
      const header = exchange.header('idempotency-key');
      if (header === undefined && !required) return undefined;
      return claim(exchange, header);
    },
    wait(exchange, answer) {
      const held = exchange.state.get(slot) as Claim | undefined;
      if (held === undefined) return answer;
      held.waiting = true;
      return answer.then(
        (given) => {
          held.waiting = false;
          if (held.settled) return given;
          if (given !== undefined) return settle(held, given);
          // It writes the answer by itself, perhaps only later: the watch sees that.
          if (held.over) clearInterval(held.renewal);
          return given;
        },
        async (error: unknown) => {
          held.waiting = false;
          if (!held.settled) await settle(held, problemReply(error));
          throw error;
        },
      );
    },
    reply(exchange, reply) {
      const held = exchange.state.get(slot) as Claim | undefined;
      if (held === undefined || held.settled) return undefined;
      if (!held.waiting || isHanded(exchange)) return settle(held, reply);
      // A time limit has answered, and this is not what the handler still works on.
      held.unwatch?.();
      return undefined;
    },
    done(exchange) {
      const held = exchange.state.get(slot) as Claim | undefined;
      if (held === undefined || held.settled) return;
      held.over = true;
      // Nobody will say what it comes to, or when: the key stays for the lease, within which the watch may see it.
      if (!held.waiting || isOfApplication(exchange)) clearInterval(held.renewal);
    },
  };
}

/** Stands for an answer that is not kept, whatever `keep` says. */
const TOO_LONG = Symbol('too long');

function keepsByDefault(status: number): boolean {
  return status < 500 && !PASSING.has(status);
}

function credentialsOf(exchange: Exchange): string {
  const [authorization, cookie] = [exchange.header('authorization'), exchange.header('cookie')];
  return hash('sha256', JSON.stringify([authorization, cookie]), 'base64url');
}

/**
 * Two requests are the same if method, target, content type and body are. The key, which the store does not have, goes
 * into it: else who reads the store could try out what a body may have been, such as one with a password.
 */
async function fingerprintOf(exchange: Exchange, name: string, maxBytes: number): Promise<string> {
  const { method, rawUrl } = exchange;
  const head = [method, rawUrl, exchange.header('content-type'), exchange.header('content-encoding')];
  return createHmac('sha256', name)
    .update(`${JSON.stringify(head)}\n`)
    .update(await exchange.bytes(maxBytes))
    .digest('base64url');
}

function replayed(record: string, fingerprint: string): Reply {
  const kept = parsed(record);
  if (kept !== undefined && kept.fingerprint !== fingerprint) {
    throw middlewareErrors.idempotency_key_reused('This Idempotency-Key was used for another request.');
  }
  if (kept?.reply === undefined) {
    throw middlewareErrors.idempotency_key_in_use('The first request with this Idempotency-Key is still being done.', {
      retryAfterMs: 1000,
    });
  }
  const { status, headers, body } = kept.reply;
  return {
    status,
    headers: { ...headers, 'idempotent-replayed': 'true' },
    ...(body === undefined || body === '' ? {} : { body: Buffer.from(body, 'base64') }),
  };
}

/** What is no record of ours is one that somebody works on: to do the request again would be worse. */
function parsed(record: string): Kept | undefined {
  try {
    const value = JSON.parse(record) as Partial<Kept> | null;
    return typeof value?.fingerprint === 'string' ? (value as Kept) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A stream that remembers what went through it. `complete` is waited for before the end is told, so that who has the
 * whole answer finds it when it asks again; `broken` is called for one that is too long, fails or is not read to its
 * end.
 */
function recorded(
  body: AsyncIterable<string | Uint8Array>,
  maxBytes: number,
  complete: (body: Uint8Array) => Promise<void>,
  broken: () => Promise<void>,
): Readable {
  let copy: GrowingBytes | undefined = new GrowingBytes();
  const giveUp = (): void => {
    if (copy !== undefined) void broken();
    copy = undefined;
  };
  const recorder = new Transform({
    transform(chunk: Uint8Array, _encoding, pass) {
      if (copy !== undefined && copy.size + chunk.byteLength > maxBytes) giveUp();
      copy?.add(chunk);
      pass(null, chunk);
    },
    flush(end) {
      const whole = copy?.all();
      copy = undefined;
      if (whole === undefined) end();
      else void complete(whole).then(() => end());
    },
    destroy(error, end) {
      giveUp();
      end(error);
    },
  });
  return pipeline(body instanceof Readable ? body : Readable.from(body), recorder, () => {});
}
