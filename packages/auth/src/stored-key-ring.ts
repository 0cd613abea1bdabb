import { durationOption, outsideContext, pause, refuseUnknown } from '@ent/internal';
import { MAX_TOLERANCE_MS } from './access-token-verifier.ts';
import { channels } from './channels.ts';
import type { KeySetStore } from './driver.ts';
import { authErrors, storeCall } from './errors.ts';
import { demandMethods } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { createSealer, type Sealer } from './internal/sealed.ts';
import {
  generateKey,
  importKey,
  publicHalves,
  type SigningAlgorithm,
  type SigningKey,
  type SigningKeys,
} from './keys.ts';
import type { Clock, Duration } from './options.ts';
import type { Secret } from './refresh-tokens.ts';
import {
  generateSharedKey,
  importSharedKey,
  isSharedAlgorithm,
  type SharedAlgorithm,
  type SharedKey,
} from './shared-keys.ts';

/** Where the keys of an issuer are kept, and how. */
export interface StoredKeyRingOptions {
  /** `fileKeyStore()` or `repositoryKeyStore()` of `@ent/auth/stores`, or your own. */
  store: KeySetStore;
  /**
   * What the keys are encrypted with: at least 32 bytes, the same in all processes. Given several, the first encrypts
   * and the others still decrypt, until the next rotation.
   */
  secret: Secret | readonly Secret[];
  /**
   * What new keys are for. Default `EdDSA`. A change comes with the next rotations. With a shared algorithm, only
   * processes that read this store can verify.
   */
  algorithm?: SigningAlgorithm | SharedAlgorithm | undefined;
  /** How long a key still verifies after it has signed last. Default `"1h"`; longer than any access token lives. */
  retireAfter?: Duration | undefined;
  /** How old what a process knows of the store may be before it reads it again. Default `"1m"`. */
  reloadAfter?: Duration | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** What a key of a ring does: it will sign, it signs, it did. */
export type KeyState = 'next' | 'active' | 'retiring';

/** A key ring in a store, which processes share. */
export interface StoredKeyRing extends SigningKeys {
  readonly maxTtlMs: number;
  /**
   * The next key signs from now on, the one that signed retires, and a new next one is made and published. Other
   * processes follow within `reloadAfter`. Of several calls one takes place, and all see its keys: those at once, and
   * those until the next key has been published for ten minutes, or `reloadAfter` where that is longer. So each process
   * may rotate by a clock of its own, and no key signs that others have not had time to see.
   *
   * @param options `revoke`: the key that signed is not trusted any more, and no token of it. For a key that leaked;
   *   takes place however young the next key is
   * @returns whether it took place by this call
   * @throws `auth.store_failed`
   */
  rotate(options?: { readonly revoke?: boolean | undefined }): Promise<boolean>;
  /** Reads the store now. */
  reload(): Promise<void>;
  /** The keys and what each does, for a page of an administrator: no private parts. */
  list(): { kid: string; alg: SigningAlgorithm | SharedAlgorithm; state: KeyState; since: Date }[];
}

const SEALED = { purpose: 'key-store', typ: 'ent-keys+jwe', what: 'The set of stored keys' } as const;
const OPTIONS = {
  store: true,
  secret: true,
  algorithm: true,
  retireAfter: true,
  reloadAfter: true,
  now: true,
} as const;
/** Unknown keys are looked for in the store at most this often; who asks for one meanwhile waits. */
const LOOK_AGAIN_MS = 1000;
/** A store where the first keys are neither to be written nor there will not have them later. */
const MOST_TRIES = 5;
/** How long a key is published before it signs: others keep a JWKS for so long, as `createRemoteKeys` does. */
const PUBLISHED_MS = 600_000;

/** A key as it stands in the store, inside of the encryption. */
interface StoredKey {
  /** The private key; of a shared one not there. */
  readonly pem?: string | undefined;
  /** The shared key. */
  readonly jwk?: string | undefined;
  readonly state: KeyState;
  /** When it came into this state, in milliseconds since the epoch. */
  readonly since: number;
}

/**
 * A key ring that is kept in a store, encrypted, and rotated by one call; made at the first use.
 *
 * A key is published as the next one from one rotation to the following, so that verifiers know it before it signs.
 *
 * @throws `auth.configuration` for options that cannot work, or a secret that does not open what is stored;
 *   `auth.store_failed`
 *
 * @example
 * ```ts
 * import { createAccessTokens, openKeyRing } from '@ent/auth';
 * import { fileKeyStore } from '@ent/auth/stores';
 * import { mkdtemp } from 'node:fs/promises';
 *
 * const folder = await mkdtemp('/tmp/keys-');
 * const keys = await openKeyRing({ store: fileKeyStore(folder), secret: 'x'.repeat(32) });
 * const tokens = createAccessTokens({ issuer: 'https://me', audience: 'https://me', keys });
 * const { token } = await tokens.issue({ subject: 'u1', sessionId: 's1' });
 * // Each month, say. Now it would be too early: the next key was published a moment ago.
 * console.log(await keys.rotate()); // false
 * console.log((await tokens.verify(token)).subject, keys.jwks().keys.length); // u1 2
 * ```
 */
export async function openKeyRing(options: StoredKeyRingOptions): Promise<StoredKeyRing> {
  refuseUnknown(options, OPTIONS, 'openKeyRing', authErrors.configuration);
  const { store, secret, algorithm = 'EdDSA', now = Date.now } = options;
  demandMethods(store, ['read', 'write'], 'openKeyRing: store, such as fileKeyStore(),');
  if (algorithm !== 'EdDSA' && algorithm !== 'ES256' && !isSharedAlgorithm(algorithm)) {
    throw authErrors.configuration('openKeyRing: "algorithm" must be EdDSA, ES256, HS256, HS384 or HS512.');
  }
  if (typeof now !== 'function') throw authErrors.configuration('openKeyRing: "now" must be a function.');
  const retireAfterMs = durationOption(options.retireAfter ?? '1h', 'retireAfter', authErrors.configuration);
  const reloadAfterMs = durationOption(options.reloadAfter ?? '1m', 'reloadAfter', authErrors.configuration);
  const maxTtlMs = retireAfterMs - reloadAfterMs - MAX_TOLERANCE_MS;
  if (maxTtlMs < 1000) {
    throw authErrors.configuration('"retireAfter" must be more than a minute longer than "reloadAfter".');
  }
  const sealer = createSealer(Array.isArray(secret) ? secret : [secret as Secret], SEALED);
  const ring = new Ring(store, sealer, { algorithm, retireAfterMs, reloadAfterMs, now });
  await ring.open();
  return {
    maxTtlMs,
    get active() {
      return ring.active();
    },
    find: (kid) => ring.find(kid),
    jwks: () => publicHalves(ring.usable().map(({ key }) => key)),
    async rotate(how = {}) {
      refuseUnknown(how, { revoke: true }, 'rotate', authErrors.configuration);
      return ring.rotate(how.revoke === true);
    },
    reload: () => ring.reload(),
    list: () =>
      ring.usable().map(({ key: { kid, alg }, state, since }) => ({ kid, alg, state, since: new Date(since) })),
  };
}

interface Member extends StoredKey {
  readonly key: SigningKey | SharedKey;
}

interface Plan {
  readonly algorithm: SigningAlgorithm | SharedAlgorithm;
  readonly retireAfterMs: number;
  readonly reloadAfterMs: number;
  readonly now: Clock;
}

class Ring {
  readonly #store: KeySetStore;
  readonly #sealer: Sealer;
  readonly #plan: Plan;
  #members: readonly Member[] = [];
  #revision = 0;
  #readAt = 0;
  #triedAt: number | undefined;
  #reading: Promise<void> | undefined;
  /** A read that has not begun. */
  #next: Promise<void> | undefined;

  constructor(store: KeySetStore, sealer: Sealer, plan: Plan) {
    this.#store = store;
    this.#sealer = sealer;
    this.#plan = plan;
  }

  async open(): Promise<void> {
    await this.reload();
    for (let tries = 0; this.#members.length === 0; tries++) {
      if (tries === MOST_TRIES) throw authErrors.store_failed('The store has keys that it does not give.');
      const since = this.#plan.now();
      // Who is second takes the keys of who was first.
      await this.#write([await this.#make('active', since), await this.#make('next', since)], 0);
    }
  }

  active(): SigningKey | SharedKey {
    this.#reloadWhenDue();
    // There is always one: the store holds no set without.
    return (this.#members.find(({ state }) => state === 'active') as Member).key;
  }

  find(kid: string): Member['key'] | undefined | Promise<Member['key'] | undefined> {
    const known = this.#lookUp(kid);
    if (known === undefined) return this.#findAnew(kid);
    this.#reloadWhenDue();
    return known;
  }

  /** All that may be published and verified with. */
  usable(): readonly Member[] {
    const time = this.#plan.now();
    return this.#members.filter(({ state, since }) => state !== 'retiring' || since + this.#plan.retireAfterMs > time);
  }

  reload(): Promise<void> {
    this.#reading ??= outsideContext(() => this.#read()).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async rotate(revoke: boolean): Promise<boolean> {
    await this.reload();
    const before = this.#revision;
    const since = this.#plan.now();
    if (!revoke && this.#isRotated(since)) return false;
    const moved = this.usable().flatMap((member): StoredKey[] => {
      if (member.state === 'active') return revoke ? [] : [{ ...member, state: 'retiring', since }];
      return member.state === 'next' ? [{ ...member, state: 'active', since }] : [member];
    });
    return this.#write([...moved, await this.#make('next', since)], before);
  }

  /** Whether the last rotation is so young that this would be the same one. A clock may have been wrong then, or be. */
  #isRotated(time: number): boolean {
    const least = Math.max(PUBLISHED_MS, this.#plan.reloadAfterMs);
    return this.#members.some(({ state, since }) => state === 'next' && Math.abs(time - since) < least);
  }

  /** It may be new. Made-up ones must not make a read each, so that all who ask share the next one. */
  async #findAnew(kid: string): Promise<Member['key'] | undefined> {
    // One that is on its way began before: what it finds is good, and what it does not find may be there by now.
    await this.#reading?.catch(() => {});
    const found = this.#lookUp(kid);
    if (found !== undefined) return found;
    this.#next ??= outsideContext(() => this.#readNext());
    await this.#next;
    return this.#lookUp(kid);
  }

  /** Reads, not before it is time; who asks for it once it has begun gets another one. */
  async #readNext(): Promise<void> {
    await this.#reading?.catch(() => {});
    const age = this.#plan.now() - (this.#triedAt ?? -Infinity);
    // By a clock that was set back it is time.
    if (age >= 0 && age < LOOK_AGAIN_MS) await pause(LOOK_AGAIN_MS - age);
    this.#next = undefined;
    await this.reload();
  }

  #lookUp(kid: string): Member['key'] | undefined {
    return this.usable().find(({ key }) => key.kid === kid)?.key;
  }

  #reloadWhenDue(): void {
    if (Math.abs(this.#plan.now() - this.#readAt) < this.#plan.reloadAfterMs) return;
    // While the store is away, what is known stays in use; the next try is as far off as the one before.
    this.#readAt = this.#plan.now();
    // Nobody waits for it; the channel tells.
    this.reload().catch(() => {});
  }

  async #make(state: KeyState, since: number): Promise<StoredKey> {
    const { algorithm } = this.#plan;
    if (isSharedAlgorithm(algorithm)) return { jwk: (await generateSharedKey(algorithm)).jwk, state, since };
    return { pem: (await generateKey(algorithm)).pem, state, since };
  }

  async #read(): Promise<void> {
    const readAt = this.#plan.now();
    this.#triedAt = readAt;
    await tracedOutcome(channels.keys, { source: 'store' }, async (operation) => {
      operation.outcome = 'failed';
      const stored = await storeCall('read the keys', () => this.#store.read());
      this.#readAt = readAt;
      // One that was read before a rotation here must not undo it.
      if (stored !== undefined && stored.revision > this.#revision) {
        await this.#take(JSON.parse(await this.#sealer.open(stored.data)) as StoredKey[], stored.revision);
      }
      operation.outcome = 'ok';
    });
  }

  /**
   * Writes a set over the one with the revision `expected`; where that was replaced meanwhile, takes what is there, and
   * is false.
   */
  async #write(keys: readonly StoredKey[], expected: number): Promise<boolean> {
    const data = await this.#sealer.seal(
      JSON.stringify(keys.map(({ pem, jwk, state, since }) => ({ pem, jwk, state, since }))),
    );
    const isFirst = await storeCall('write the keys', () => this.#store.write(data, expected));
    if (isFirst) await this.#take(keys, expected + 1);
    else await this.#read();
    return isFirst;
  }

  async #take(keys: readonly StoredKey[], revision: number): Promise<void> {
    const members = await Promise.all(
      keys.map(async ({ pem, jwk, state, since }): Promise<Member> => {
        // The same object for the same key: by it is known that a token was verified with it.
        const known = this.#members.find((member) => member.pem === pem && member.jwk === jwk);
        const key = known?.key ?? (jwk === undefined ? await importKey(pem as string) : await importSharedKey(jwk));
        return { pem, jwk, state, since, key };
      }),
    );
    if (revision <= this.#revision) return;
    this.#members = members;
    this.#revision = revision;
  }
}
