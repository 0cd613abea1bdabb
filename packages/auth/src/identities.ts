import { hash } from 'node:crypto';
import { refuseUnknown } from '@ent/internal';
import type { IdentityRecord, IdentityStore } from './driver.ts';
import { authErrors, storeCall } from './errors.ts';
import { demandMethods, demandText } from './internal/demand.ts';
import type { Clock } from './options.ts';

/** Where it is kept which logins elsewhere belong to which account. */
export interface IdentitiesOptions {
  /** `memoryIdentityStore()` or `repositoryIdentityStore(...)` of `@ent/auth/stores`, or your own. */
  store: IdentityStore;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** Who somebody is elsewhere: `issuer` and `subject` of a login, as `callback` of `createOAuthClient` gives them. */
export interface ExternalIdentity {
  readonly issuer: string;
  readonly subject: string;
}

/** Logins elsewhere, and the accounts that they belong to. */
export interface Identities {
  /** The account of a login; undefined for one that belongs to none. */
  accountOf(login: ExternalIdentity): Promise<string | undefined>;
  /**
   * Links a login to an account, which is new or logged in. Linked to it before, nothing changes.
   *
   * @throws `auth.identity_taken` where it belongs to another account: of many at once one is linked
   */
  link(account: string, login: ExternalIdentity): Promise<void>;
  /** Ends the link. False when it is none of this account. See that the account has another way in. */
  unlink(account: string, login: ExternalIdentity): Promise<boolean>;
  /** The logins elsewhere of an account, the oldest first. */
  list(account: string): Promise<IdentityRecord[]>;
}

const LOGIN = ['issuer', 'subject'] as const;

/**
 * Which account a login elsewhere belongs to: by its issuer and subject, and by nothing that can change hands, such as
 * a mail address.
 *
 * @throws `auth.configuration` for a store that is none
 *
 * @example
 * ```ts
 * import { createIdentities } from '@ent/auth/identities';
 * import { memoryIdentityStore } from '@ent/auth/stores';
 *
 * const identities = createIdentities({ store: memoryIdentityStore() });
 * const login = { issuer: 'https://accounts.google.com', subject: '1046' }; // of google.callback(...)
 * if ((await identities.accountOf(login)) === undefined) await identities.link('ann', login);
 * console.log(await identities.accountOf(login)); // ann
 * ```
 */
export function createIdentities(options: IdentitiesOptions): Identities {
  refuseUnknown(options, { store: true, now: true }, 'createIdentities', authErrors.configuration);
  const { store, now = Date.now } = options;
  demandMethods(store, ['insert', 'get', 'list', 'delete'], 'createIdentities: store');
  if (typeof now !== 'function') throw authErrors.configuration('createIdentities: "now" must be a function.');

  const accountOf = async (login: ExternalIdentity): Promise<string | undefined> => {
    const { issuer, subject } = login;
    const record = await storeCall('read an identity', () => store.get(idOf(login)));
    return record?.issuer === issuer && record.externalSubject === subject ? record.subject : undefined;
  };

  return {
    async accountOf(login) {
      demandLogin(login, 'identities.accountOf');
      return accountOf(login);
    },
    async link(account, login) {
      demandAccount(account, 'identities.link');
      demandLogin(login, 'identities.link');
      const { issuer, subject: externalSubject } = login;
      const record = { id: idOf(login), issuer, externalSubject, subject: account, createdAt: new Date(now()) };
      if (await storeCall('add an identity', () => store.insert(record))) return;
      if ((await accountOf(login)) === account) return;
      throw authErrors.identity_taken('The login belongs to another account.');
    },
    async unlink(account, login) {
      demandAccount(account, 'identities.unlink');
      demandLogin(login, 'identities.unlink');
      return storeCall('remove an identity', () => store.delete(account, idOf(login)));
    },
    async list(account) {
      demandAccount(account, 'identities.list');
      const records = await storeCall('list identities', () => store.list(account));
      return records.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
    },
  };
}

/** Which no two pairs share: JSON says where one ends. */
function idOf({ issuer, subject }: ExternalIdentity): string {
  return hash('sha256', JSON.stringify([issuer, subject]), 'base64url');
}

function demandAccount(account: unknown, what: string): void {
  demandText(account, `${what}: the account`);
  if (account === '') throw authErrors.configuration(`${what}: the account must not be empty.`);
}

function demandLogin(login: unknown, what: string): void {
  const given = Object(login) as Record<string, unknown>;
  for (const name of LOGIN) {
    demandText(given[name], `${what}: ${name} of the login`);
    if (given[name] === '') throw authErrors.configuration(`${what}: ${name} of the login must not be empty.`);
  }
}
