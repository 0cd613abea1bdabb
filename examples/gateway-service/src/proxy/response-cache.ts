import type { Cache } from '@ent/cache';
import { ifNoneMatch, notModified, type Reply } from '@ent/middleware';
import type { NodeExchange } from '@ent/middleware/node';
import CachePolicy from 'http-cache-semantics';
import type { Sink } from './attempt.ts';
import type { FlatHeaders } from './headers.ts';

/** An answer that was kept. */
interface Kept {
  readonly policy: CachePolicy.CachePolicyObject;
  readonly status: number;
  readonly body: Uint8Array;
}

/** What a kept answer is worth for a request. */
export interface Found {
  /** The answer, where it can be given. */
  readonly reply: Reply | undefined;
  /** Headers that ask the service whether it has changed. */
  readonly revalidation: FlatHeaders | undefined;
}

const MOST_BYTES = 1024 * 1024;
/** How long one that has to be asked for is kept beyond its freshness. */
const STALE_MS = 10 * 60_000;
const NOTHING: Found = { reply: undefined, revalidation: undefined };

/**
 * Keeps answers as a shared cache may (RFC 9111, by `http-cache-semantics`): what they say of themselves decides, and
 * what was asked for with a token is kept only where the answer allows it.
 */
export class ResponseCache {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** What there is for a request. Nothing, where the cache is away. */
  async find(exchange: NodeExchange): Promise<Found> {
    const kept = await this.#get(exchange);
    if (kept === undefined) return NOTHING;
    const policy = CachePolicy.fromObject(kept.policy);
    const request = described(exchange);
    if (policy.satisfiesWithoutRevalidation(request)) {
      return { reply: replyOf(exchange, policy, kept), revalidation: undefined };
    }
    const asked = policy.revalidationHeaders(request);
    const revalidation = (['if-none-match', 'if-modified-since'] as const).flatMap((name) =>
      asked[name] === undefined || request.headers[name] !== undefined ? [] : [name, String(asked[name])],
    );
    return { reply: undefined, revalidation: revalidation.length > 0 ? revalidation : undefined };
  }

  /**
   * Hands an answer on to `sink` and keeps it when it is complete.
   *
   * @param unchanged is told of a 304, and says whether that was for us; then the client does not see it
   */
  keeping(exchange: NodeExchange, sink: Sink, unchanged: (headers: FlatHeaders) => boolean): Sink {
    const keep = (status: number, headers: FlatHeaders, body: Uint8Array): void => {
      const policy = new CachePolicy(described(exchange), { status, headers: objectOf(headers) }, { shared: true });
      if (policy.storable()) this.#set(exchange, policy, { policy: policy.toObject(), status, body });
    };
    return new KeepingSink(sink, keep, unchanged);
  }

  /** The service said that what is kept is as it was: the answer, which is fresh again. */
  async confirmed(exchange: NodeExchange, headers: FlatHeaders): Promise<Reply | undefined> {
    const kept = await this.#get(exchange);
    if (kept === undefined) return undefined;
    const revalidated = CachePolicy.fromObject(kept.policy).revalidatedPolicy(described(exchange), {
      status: 304,
      headers: objectOf(headers),
    });
    if (revalidated.modified) return undefined;
    this.#set(exchange, revalidated.policy, { ...kept, policy: revalidated.policy.toObject() });
    return replyOf(exchange, revalidated.policy, kept);
  }

  /** A write of the same path went through: what was kept of it is of the past (RFC 9111, section 4.4). */
  forget(exchange: NodeExchange): void {
    void this.#cache.delete(keyOf(exchange)).catch(() => {});
  }

  #get(exchange: NodeExchange): Promise<Kept | undefined> {
    // The cache makes calls cheaper; without it they are as they were.
    return Promise.resolve(this.#cache.get<Kept>(keyOf(exchange))).catch(() => undefined);
  }

  #set(exchange: NodeExchange, policy: CachePolicy, kept: Kept): void {
    const ttl = Math.max(0, policy.timeToLive()) + STALE_MS;
    void Promise.resolve(this.#cache.set(keyOf(exchange), kept, { ttl })).catch(() => {});
  }
}

/** One answer is kept of a URL: one for other languages, say, takes the place of the one before. */
function keyOf(exchange: NodeExchange): string {
  return `${exchange.header('host') ?? ''} ${exchange.rawUrl}`;
}

function described({ req }: NodeExchange): CachePolicy.HttpRequest & { headers: CachePolicy.Headers } {
  return { method: req.method ?? 'GET', url: req.url ?? '/', headers: req.headers };
}

function objectOf(flat: FlatHeaders): CachePolicy.Headers {
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] as string).toLowerCase();
    headers[name] = headers[name] === undefined ? (flat[at + 1] as string) : `${headers[name]}, ${flat[at + 1]}`;
  }
  return headers;
}

function replyOf(exchange: NodeExchange, policy: CachePolicy, { status, body }: Kept): Reply {
  const headers = Object.fromEntries(
    Object.entries(policy.responseHeaders()).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const reply: Reply = { status, headers, body };
  return headers['etag'] !== undefined && ifNoneMatch(exchange, headers['etag']) ? notModified(reply) : reply;
}

/** Collects what goes through it, up to a size. */
class KeepingSink implements Sink {
  readonly #sink: Sink;
  readonly #keep: (status: number, headers: FlatHeaders, body: Uint8Array) => void;
  readonly #unchanged: (headers: FlatHeaders) => boolean;
  #chunks: Buffer[] | undefined = [];
  #bytes = 0;
  #status = 0;
  #headers: FlatHeaders = [];

  constructor(
    sink: Sink,
    keep: (status: number, headers: FlatHeaders, body: Uint8Array) => void,
    unchanged: (headers: FlatHeaders) => boolean,
  ) {
    this.#sink = sink;
    this.#keep = keep;
    this.#unchanged = unchanged;
  }
  information(status: number, headers: FlatHeaders): void {
    this.#sink.information(status, headers);
  }
  head(status: number, headers: FlatHeaders): boolean {
    if (status === 304 && this.#unchanged(headers)) return false;
    this.#status = status;
    this.#headers = headers;
    // A cookie is for one client.
    if (headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'set-cookie')) this.#chunks = undefined;
    return this.#sink.head(status, headers);
  }
  data(chunk: Buffer): boolean {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > MOST_BYTES) this.#chunks = undefined;
    // undici uses its buffer again.
    this.#chunks?.push(Buffer.from(chunk));
    return this.#sink.data(chunk);
  }
  end(trailers: FlatHeaders): void {
    this.#sink.end(trailers);
    if (this.#chunks !== undefined) this.#keep(this.#status, this.#headers, Buffer.concat(this.#chunks));
  }
  cut(): void {
    this.#sink.cut();
  }
  onDrain(resume: () => void): void {
    this.#sink.onDrain(resume);
  }
}
