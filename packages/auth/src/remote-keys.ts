import { durationOption, exponentialBackoff, outsideContext, pause, refuseUnknown } from '@ent/internal';
import { channels } from './channels.ts';
import { authErrors } from './errors.ts';
import { discover, endpointOf, trustedUrl } from './internal/discovery.ts';
import { type FetchPlan, fetchJson } from './internal/fetch-json.ts';
import { tracedOutcome } from './internal/outcome.ts';
import {
  demandAlgorithms,
  readKeys,
  type VerificationAlgorithm,
  type VerificationKey,
  type VerificationKeys,
} from './keys.ts';
import type { Clock, Duration } from './options.ts';

/** Where an issuer's keys are, and how they are kept. Either `issuer` or `jwksUri` is given. */
export interface RemoteKeysOptions {
  /** The issuer, whose metadata (OpenID Connect Discovery, RFC 8414) says where the keys are. Compared exactly. */
  issuer?: string | undefined;
  /** Where the keys are, for an issuer without metadata. */
  jwksUri?: string | undefined;
  /** As for `createVerificationKeys`: keys for other algorithms are passed over. */
  algorithms?: readonly VerificationAlgorithm[] | undefined;
  /** How old the keys may be before they are fetched again, beside the requests. Default `"10m"`. */
  maxAge?: Duration | undefined;
  /** How long after that they are still used while the issuer cannot be reached. Default `"1d"`. */
  staleFor?: Duration | undefined;
  /**
   * The time between two fetches because of keys that nobody knows. A token with such a key waits for the next fetch:
   * the key may be new, and made-up ones must not make a request each. Default `"2s"`; at most 60 s.
   */
  cooldown?: Duration | undefined;
  /** How long one fetch may take. Default `"5s"`. */
  timeout?: Duration | undefined;
  /** The most bytes of one document. Default 262144. */
  maxBytes?: number | undefined;
  /** Takes `http:` from other machines too, for a network of your own. Default false. */
  allowHttp?: boolean | undefined;
  /** For a proxy or a certificate of your own. Default: the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** The keys of an issuer, fetched when they are needed. */
export interface RemoteKeys extends VerificationKeys {
  /** A public key: a shared one in a JWKS is passed over, since whoever fetches the set would have the secret. */
  find(kid: string): VerificationKey | undefined | Promise<VerificationKey | undefined>;
  /**
   * Fetches the keys now: at the start, so that no request waits for it and a wrong address is found.
   *
   * @throws `auth.issuer_unavailable`
   */
  refresh(): Promise<void>;
}

const OPTIONS = {
  issuer: true,
  jwksUri: true,
  algorithms: true,
  maxAge: true,
  staleFor: true,
  cooldown: true,
  timeout: true,
  maxBytes: true,
  allowHttp: true,
  fetch: true,
  now: true,
} as const;
const MAX_COOLDOWN_MS = 60_000;

interface Plan extends FetchPlan {
  /** For logs: the issuer, or the address of the keys. */
  readonly source: string;
  readonly maxAgeMs: number;
  readonly staleForMs: number;
  readonly cooldownMs: number;
  readonly now: Clock;
  locate(get: (url: URL) => Promise<object>): Promise<URL>;
  read(jwks: object): Promise<ReadonlyMap<string, VerificationKey>>;
}

/**
 * The keys of an issuer, found by its metadata, fetched at the first use and kept up to date. An issuer that is down
 * does no harm to tokens of known keys: keys that are due stay in use while they are fetched, and for `staleFor` where
 * that fails. An unknown key is looked for once more, so that a rotation refuses no good token.
 *
 * @throws `auth.configuration` for options that cannot work; an address that is no https URL is one
 *
 * @example
 * ```ts no-run
 * import { createAccessTokenVerifier, createRemoteKeys } from '@ent/auth';
 *
 * const issuer = 'https://auth.example.com';
 * const keys = createRemoteKeys({ issuer, algorithms: ['RS256'], maxAge: '5m' });
 * await keys.refresh();
 * const verifier = createAccessTokenVerifier({ issuer, audience: 'https://api.example.com', keys });
 * ```
 */
export function createRemoteKeys(options: RemoteKeysOptions): RemoteKeys {
  refuseUnknown(options, OPTIONS, 'createRemoteKeys', authErrors.configuration);
  const { issuer, jwksUri, algorithms, maxBytes = 262_144, allowHttp = false, now = Date.now } = options;
  if ((issuer === undefined) === (jwksUri === undefined)) {
    throw authErrors.configuration('createRemoteKeys takes either "issuer" or "jwksUri".');
  }
  if (algorithms !== undefined) demandAlgorithms(algorithms, 'createRemoteKeys');
  for (const [name, value] of Object.entries({ fetch: options.fetch ?? fetch, now })) {
    if (typeof value !== 'function') throw authErrors.configuration(`createRemoteKeys: "${name}" must be a function.`);
  }
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1024) {
    throw authErrors.configuration('"maxBytes" must be a whole number of at least 1024.');
  }
  const duration = (name: 'maxAge' | 'staleFor' | 'cooldown' | 'timeout', preset: Duration): number =>
    durationOption(options[name] ?? preset, name, authErrors.configuration);
  const cooldownMs = duration('cooldown', '2s');
  if (cooldownMs > MAX_COOLDOWN_MS) throw authErrors.configuration('"cooldown" must be at most 60 s.');
  const given = (issuer ?? jwksUri) as string;
  const start = trustedUrl(given, `createRemoteKeys: "${issuer === undefined ? 'jwksUri' : 'issuer'}"`, allowHttp);
  if (issuer !== undefined && (start.search !== '' || start.hash !== '')) {
    throw authErrors.configuration('createRemoteKeys: "issuer" must have no query and no fragment.');
  }
  const keys = new IssuerKeys({
    source: given,
    maxAgeMs: duration('maxAge', '10m'),
    staleForMs: duration('staleFor', '1d'),
    cooldownMs,
    timeoutMs: duration('timeout', '5s'),
    maxBytes,
    fetch: options.fetch ?? fetch,
    now,
    async locate(get) {
      if (issuer === undefined) return start;
      return endpointOf(await discover(issuer, get), 'jwks_uri', allowHttp);
    },
    read: (jwks) => readKeys(jwks, algorithms),
  });
  return { find: (kid) => keys.find(kid), refresh: () => keys.fetchAnew() };
}

class IssuerKeys {
  readonly #plan: Plan;
  readonly #backoff = exponentialBackoff({ baseMs: 1000, maxMs: 60_000, jitter: 0.5 });
  #keys: ReadonlyMap<string, VerificationKey> | undefined;
  #url: URL | undefined;
  /** When the keys were asked for that are in use. */
  #askedAt = 0;
  #lastTryAt: number | undefined;
  #failures = 0;
  /** How long after the last try the next one may be made. */
  #waitMs = 0;
  #lastError: unknown;
  #running: Promise<void> | undefined;
  /** A fetch that has not begun. */
  #next: Promise<void> | undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  find(kid: string): VerificationKey | undefined | Promise<VerificationKey | undefined> {
    const { maxAgeMs, staleForMs } = this.#plan;
    // By a clock that was set back they are due, and not of the future.
    const age = this.#age(this.#askedAt) ?? maxAgeMs;
    if (this.#keys === undefined || age >= maxAgeMs + staleForMs) return this.#findAnew(kid);
    if (age >= maxAgeMs) this.#fetchBeside();
    // One that was removed may come back, as when a rotation is undone: it is looked for as any other.
    return this.#keys.get(kid) ?? this.#findAnew(kid);
  }

  /**
   * Fetches the keys, not before the cooldown; all that wait share one fetch, which begins after each of them asked.
   * After a failure it fails at once until the next try is due.
   */
  fetchAnew(): Promise<void> {
    this.#next ??= outsideContext(() => this.#begin());
    return this.#next;
  }

  async #findAnew(kid: string): Promise<VerificationKey | undefined> {
    if (this.#running !== undefined) {
      // It began before, so that what it finds is good, and what it does not find may be there by now.
      await this.#running.catch(() => {});
      const key = this.#failures === 0 ? this.#keys?.get(kid) : undefined;
      if (key !== undefined) return key;
    }
    await this.fetchAnew();
    return this.#keys?.get(kid);
  }

  #fetchBeside(): void {
    if (this.#running !== undefined || this.#next !== undefined || this.#untilNextTry() > 0) return;
    // Nobody waits for it; the channel tells.
    this.fetchAnew().catch(() => {});
  }

  async #begin(): Promise<void> {
    try {
      // One at a time. How the other one ends is told to those who wait for it.
      await this.#running?.catch(() => {});
      const wait = this.#untilNextTry();
      // Whether the issuer has a key, nobody can say now.
      if (wait > 0 && this.#failures > 0) throw this.#unavailable(this.#lastError);
      if (wait > 0) await pause(wait);
    } finally {
      this.#next = undefined;
    }
    const running = this.#fetch();
    this.#running = running;
    try {
      await running;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }

  async #fetch(): Promise<void> {
    const { source, cooldownMs, now } = this.#plan;
    const askedAt = now();
    this.#lastTryAt = askedAt;
    await tracedOutcome(channels.keys, { source }, async (operation) => {
      try {
        this.#take(await this.#load());
        this.#askedAt = askedAt;
        this.#failures = 0;
        this.#waitMs = cooldownMs;
      } catch (error) {
        operation.outcome = 'failed';
        this.#url = undefined;
        this.#lastError = error;
        this.#waitMs = this.#backoff(++this.#failures);
        throw this.#unavailable(error);
      }
    });
  }

  async #load(): Promise<ReadonlyMap<string, VerificationKey>> {
    const get = (url: URL): Promise<object> => fetchJson(url, this.#plan);
    this.#url ??= await this.#plan.locate(get);
    return this.#plan.read(await get(this.#url));
  }

  /** A key that did not change stays the same object, by which it is known that a token was verified with it. */
  #take(fetched: ReadonlyMap<string, VerificationKey>): void {
    const before = this.#keys;
    this.#keys = new Map(
      Array.from(fetched, ([kid, key]) => {
        const known = before?.get(kid);
        return [kid, known && isSame(known, key) ? known : key];
      }),
    );
  }

  #untilNextTry(): number {
    return this.#lastTryAt === undefined ? 0 : this.#waitMs - (this.#age(this.#lastTryAt) ?? this.#waitMs);
  }

  /** How long ago a time was; undefined for one of the future, by a clock that was set back since. */
  #age(time: number): number | undefined {
    const age = this.#plan.now() - time;
    return age >= 0 ? age : undefined;
  }

  #unavailable(cause: unknown): Error {
    const message = `The keys of ${this.#plan.source} could not be fetched.`;
    return authErrors.issuer_unavailable(message, {
      cause,
      retryAfterMs: Math.max(1000, Math.ceil(this.#untilNextTry())),
    });
  }
}

function isSame(a: VerificationKey, b: VerificationKey): boolean {
  return JSON.stringify(a.jwk) === JSON.stringify(b.jwk);
}
