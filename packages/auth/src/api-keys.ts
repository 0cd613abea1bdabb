import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Issue } from '@ent/errors';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import { parseBearer } from './bearer.ts';
import { type ApiKeyOperation, channels } from './channels.ts';
import type { ApiKeyRecord, ApiKeyStore } from './driver.ts';
import { authErrors, credentialError, storeCall } from './errors.ts';
import { demandMethods, demandText, demandTexts } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { parsePattern } from './internal/patterns.ts';
import type { Clock, Duration } from './options.ts';
import { makePrincipal, type Principal } from './principal.ts';

/** How API keys are made and checked. */
export interface ApiKeysOptions {
  /** `memoryApiKeyStore()` or `repositoryApiKeyStore(...)` of `@ent/auth/stores`, or your own. */
  store: ApiKeyStore;
  /**
   * What each key begins with, and secret scanners find it by: the name of your service, perhaps with that of the
   * environment, as `acme_live`. Lower case letters, digits and `_`; at most 20.
   */
  prefix: string;
  /**
   * What the account of a key may do now, asked with each check. Null means that the account is gone or locked: the key
   * is refused. Left out, principals have no roles. What limits a key are its own scopes.
   */
  claims?: ((subject: string) => ApiKeyClaims | null | Promise<ApiKeyClaims | null>) | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** What an application says of an account. */
export interface ApiKeyClaims {
  roles?: readonly string[] | undefined;
  /** Further claims of the principal. */
  claims?: Record<string, unknown> | undefined;
}

/** What a new key is for. */
export interface ApiKeyInput {
  /** The account that it acts for. */
  subject: string;
  /** What its owner calls it, up to 100 characters: `"deployments"`. */
  name: string;
  /** The permissions that it is limited to, as patterns: `["docs:read"]`. `["**"]`: all that the account may do. */
  scopes: readonly string[];
  /** How long it lives; null: until it is revoked. Default `"365d"`. */
  expiresIn?: Duration | null | undefined;
}

/** A key as its owner may see it. */
export interface ApiKey extends Omit<ApiKeyRecord, 'hash' | 'scopes'> {
  readonly scopes: readonly string[];
}

/** A key that was made just now, with its text, which nobody can see again. */
export interface NewApiKey extends ApiKey {
  readonly key: string;
}

/** Makes and checks API keys. */
export interface ApiKeys {
  /**
   * A new key. Show `key` once: only its hash is kept.
   *
   * @throws `auth.api_key_rejected` with `issues`, for a name or scopes that cannot be
   */
  create(input: ApiKeyInput): Promise<NewApiKey>;
  /**
   * The principal of a key: its account with the roles of `claims`, limited to the scopes of the key. `tokenId` is the
   * id of the key; it has no session, and no `amr`.
   *
   * @throws `auth.token_invalid`, whatever is wrong; `details.reason` tells the log what
   */
  verify(key: string): Promise<Principal>;
  /**
   * The principal of an `Authorization` header: `parseBearer`, then `verify`.
   *
   * @throws `auth.token_missing`, `auth.token_invalid`
   */
  authenticate(authorization: string | readonly string[] | undefined | null): Promise<Principal>;
  /**
   * Whether a text has the form of such a key, checksum included: no look at the store. Where a header may hold an
   * access token too, it tells them apart.
   */
  isApiKey(text: unknown): boolean;
  /**
   * A new key in the place of a living one, with its name, its scopes and its time to live. The old one works for
   * `grace` more, by default `"24h"`; 0 ends it at once. Of several calls at once one is given a key.
   *
   * @throws `auth.api_key_unknown` where the account has no such key, or it is none any more
   */
  rotate(subject: string, id: string, options?: { grace?: Duration | undefined }): Promise<NewApiKey>;
  /** Ends a key of the account at once. False when it has none of this id, or that had ended before. */
  revoke(subject: string, id: string): Promise<boolean>;
  /** Ends all keys of an account. Says how many. After a theft, a deletion. */
  revokeAll(subject: string): Promise<number>;
  /** All keys of an account, the latest first; revoked and expired ones too. */
  list(subject: string): Promise<ApiKey[]>;
}

const OPTIONS = { store: true, prefix: true, claims: true, now: true } as const;
const INPUT = { subject: true, name: true, scopes: true, expiresIn: true } as const;
const CLAIMS = { roles: true, claims: true } as const;
const METHODS = ['insert', 'get', 'touch', 'retire', 'revoke', 'revokeSubject', 'list'];
const PREFIX = /^[a-z][a-z0-9_]{0,18}[a-z0-9]$/;
const MAX_NAME = 100;
const ID_BYTES = 8;
const SECRET_BYTES = 32;
/** How exact `lastUsedAt` is: a store is not written to with each request. */
const TOUCH_MS = 60_000;

/**
 * API keys: credentials of programs, made by the owner of an account and limited to some of its permissions.
 *
 * A key is `<prefix>_<id><secret><checksum>` in hexadecimal digits: 64 bits to find it by, 256 random bits, and a
 * CRC-32 of all that, by which a scanner knows a leaked key, and a mistyped one costs no look at the store.
 *
 * @throws `auth.configuration` for a prefix that cannot be, or a store that is none
 *
 * @example
 * ```ts
 * import { createApiKeys } from '@ent/auth/api-keys';
 * import { memoryApiKeyStore } from '@ent/auth/stores';
 *
 * const apiKeys = createApiKeys({ store: memoryApiKeyStore(), prefix: 'acme_live' });
 * const { key, id } = await apiKeys.create({ subject: 'ann', name: 'deployments', scopes: ['docs:read'] });
 * const principal = await apiKeys.authenticate(`Bearer ${key}`);
 * console.log(principal.subject, principal.scopes); // ann [ 'docs:read' ]
 * console.log(await apiKeys.revoke('ann', id)); // true
 * ```
 */
export function createApiKeys(options: ApiKeysOptions): ApiKeys {
  refuseUnknown(options, OPTIONS, 'createApiKeys', authErrors.configuration);
  const { store, prefix, now = Date.now } = options;
  const claimsOf: NonNullable<ApiKeysOptions['claims']> = options.claims ?? (() => ({}));
  demandMethods(store, METHODS, 'createApiKeys: store');
  demandText(prefix, 'createApiKeys: prefix');
  if (!PREFIX.test(prefix)) {
    throw authErrors.configuration(
      'createApiKeys: "prefix" must be 2 to 20 lower case letters, digits or "_", from a letter to no "_".',
    );
  }
  if (typeof claimsOf !== 'function') {
    throw authErrors.configuration(`createApiKeys: claims must be a function; got ${kindOf(claimsOf)}.`);
  }
  const form = new RegExp(`^(${prefix}_([0-9a-f]{16})[0-9a-f]{64})([0-9a-f]{8})$`);

  /** The id in a key, or why it is none. */
  const read = (text: unknown): { id: string } | { fault: 'malformed' | 'checksum' } => {
    const [, body = '', id = '', checksum] = (typeof text === 'string' && form.exec(text)) || [];
    if (checksum === undefined) return { fault: 'malformed' };
    return checksumOf(body) === checksum ? { id } : { fault: 'checksum' };
  };

  const add = async (input: Pick<ApiKeyRecord, 'subject' | 'name' | 'scopes' | 'expiresAt'>): Promise<NewApiKey> => {
    const id = randomBytes(ID_BYTES).toString('hex');
    const body = `${prefix}_${id}${randomBytes(SECRET_BYTES).toString('hex')}`;
    const key = body + checksumOf(body);
    const record: ApiKeyRecord = {
      id,
      subject: input.subject,
      name: input.name,
      hash: digestOf(key),
      scopes: input.scopes,
      createdAt: new Date(now()),
      expiresAt: input.expiresAt,
      lastUsedAt: null,
      revokedAt: null,
      successorId: null,
    };
    await storeCall('add an API key', () => store.insert(record));
    return { ...shown(record), key };
  };

  const verify = async (key: string, operation: ApiKeyOperation): Promise<Principal> => {
    const refuse = (reason: string): Error => {
      operation.outcome = reason;
      return credentialError('token_invalid', 'The API key was refused.', reason);
    };
    const reading = read(key);
    if ('fault' in reading) throw refuse(reading.fault);
    const record = await storeCall('read an API key', () => store.get(reading.id));
    if (record === undefined) throw refuse('unknown');
    // The secret first: what is wrong with a key is for who has it.
    if (!isSame(record.hash, digestOf(key))) throw refuse('secret');
    const time = now();
    if (!isLive(record, time)) throw refuse(record.revokedAt === null ? 'expired' : 'revoked');
    const claims = await claimsOf(record.subject);
    if (claims === null) throw refuse('account');
    // Scopes of an account, as its sessions have them, would be passed over here without a word.
    refuseUnknown(claims, CLAIMS, 'What "claims" of createApiKeys gives', authErrors.configuration);
    demandTexts(claims.roles, 'createApiKeys: roles');
    if (time - (record.lastUsedAt?.getTime() ?? -Infinity) >= TOUCH_MS) {
      // A note for the owner, and no reason to turn a good key away.
      await storeCall('note a use', () => store.touch(record.id, new Date(time))).catch(() => {
        operation.lastUse = 'failed';
      });
    }
    return makePrincipal({
      subject: record.subject,
      roles: claims.roles,
      scopes: record.scopes.split(' '),
      expiresAt: record.expiresAt ?? undefined,
      tokenId: record.id,
      claims: claims.claims,
    });
  };

  const rotate = async (subject: string, id: string, graceMs: number): Promise<NewApiKey> => {
    const time = now();
    const old = await storeCall('read an API key', () => store.get(id));
    if (old?.subject !== subject || !isLive(old, time) || old.successorId !== null) throw unknown();
    const lifeMs = old.expiresAt && old.expiresAt.getTime() - old.createdAt.getTime();
    const next = await add({ ...old, expiresAt: lifeMs === null ? null : new Date(time + lifeMs) });
    const end = new Date(Math.min(time + graceMs, old.expiresAt?.getTime() ?? Infinity));
    // The new one is stored before the old one is retired: a crash in between leaves a key that nobody has, and not an
    // owner without one.
    if (await storeCall('retire an API key', () => store.retire(subject, id, next.id, end))) return next;
    await storeCall('revoke an API key', () => store.revoke(subject, next.id, new Date(now())));
    throw unknown();
  };

  const traced = <T>(operation: ApiKeyOperation['operation'], work: (payload: ApiKeyOperation) => Promise<T>) =>
    tracedOutcome<ApiKeyOperation, T>(channels.apiKey, { operation }, work);
  const checked = (key: string): Promise<Principal> => traced('verify', (operation) => verify(key, operation));

  return {
    create: (input) =>
      traced('create', async () => {
        demandInput(input);
        const { subject, name, scopes, expiresIn = '365d' } = input;
        const lifeMs = expiresIn === null ? null : durationOption(expiresIn, 'expiresIn', authErrors.configuration);
        return add({
          subject,
          name,
          scopes: scopes.join(' '),
          expiresAt: lifeMs === null ? null : new Date(now() + lifeMs),
        });
      }),
    verify: checked,
    authenticate: async (authorization) => checked(parseBearer(authorization)),
    isApiKey: (text) => 'id' in read(text),
    rotate: (subject, id, how = {}) =>
      traced('rotate', async () => {
        demandText(subject, 'apiKeys.rotate: the subject');
        demandText(id, 'apiKeys.rotate: the id');
        refuseUnknown(how, { grace: true }, 'apiKeys.rotate', authErrors.configuration);
        const { grace = '24h' } = how;
        return rotate(subject, id, grace === 0 ? 0 : durationOption(grace, 'grace', authErrors.configuration));
      }),
    revoke: (subject, id) =>
      traced('revoke', async () => {
        demandText(subject, 'apiKeys.revoke: the subject');
        demandText(id, 'apiKeys.revoke: the id');
        return storeCall('revoke an API key', () => store.revoke(subject, id, new Date(now())));
      }),
    revokeAll: (subject) =>
      traced('revoke_all', async () => {
        demandText(subject, 'apiKeys.revokeAll: the subject');
        return storeCall('revoke API keys', () => store.revokeSubject(subject, new Date(now())));
      }),
    async list(subject) {
      demandText(subject, 'apiKeys.list: the subject');
      const all = await storeCall('list API keys', () => store.list(subject));
      return all.map(shown).sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
    },
  };
}

function demandInput(input: ApiKeyInput): void {
  refuseUnknown(input, INPUT, 'apiKeys.create', authErrors.configuration);
  const { subject, name, scopes } = input;
  demandText(subject, 'apiKeys.create: subject');
  demandText(name, 'apiKeys.create: name');
  demandTexts(scopes ?? null, 'apiKeys.create: scopes');
  if (subject === '') throw authErrors.configuration('apiKeys.create: subject must not be empty.');
  const issues: Issue[] = [];
  if (name === '' || name.length > MAX_NAME || !name.isWellFormed() || name.includes('\0')) {
    issues.push({ pointer: '#/name', code: 'invalid', detail: `must have 1 to ${MAX_NAME} characters` });
  }
  if (scopes.length === 0) issues.push({ pointer: '#/scopes', code: 'empty', detail: 'must name what the key may do' });
  for (const [at, scope] of scopes.entries()) {
    if (parsePattern(scope) !== undefined) continue;
    const detail = 'must be words joined by ":", "*" for one, "**" at the end for the rest';
    issues.push({ pointer: `#/scopes/${at}`, code: 'invalid', detail });
  }
  if (issues.length > 0) throw authErrors.api_key_rejected('The API key cannot be made like this.', { issues });
}

/** As GitHub's and npm's keys have it: not for security, but to know a key when one sees it. */
function checksumOf(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}

/** A plain SHA-256, as of refresh tokens: 256 random bits cannot be guessed, so there is nothing to slow down. */
function digestOf(key: string): string {
  return hash('sha256', key, 'base64url');
}

function isSame(stored: string, given: string): boolean {
  const [a, b] = [Buffer.from(stored), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function isLive({ revokedAt, expiresAt }: ApiKeyRecord, time: number): boolean {
  return revokedAt === null && (expiresAt === null || expiresAt.getTime() > time);
}

/** Field by field: a store may give a whole row. */
function shown(record: ApiKeyRecord): ApiKey {
  const { id, subject, name, scopes, createdAt, expiresAt, lastUsedAt, revokedAt, successorId } = record;
  const lists = { scopes: scopes.split(' ') };
  return { id, subject, name, ...lists, createdAt, expiresAt, lastUsedAt, revokedAt, successorId };
}

function unknown(): Error {
  return authErrors.api_key_unknown('The account has no such API key, or it has ended or was rotated before.');
}
