// Where reads of the database go to replicas that are behind: what another request has written a moment ago holds.
import type { Database } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { runWithContext } from '@ent/internal';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createApiKeys } from '../../src/api-keys.ts';
import { generateKey, openPolicy, type Sessions, trustedPrincipal } from '../../src/index.ts';
import { createSingleUseTokens } from '../../src/single-use-tokens.ts';
import {
  memoryThrottleStore,
  repositoryApiKeyStore,
  repositoryIdentityStore,
  repositoryKeyStore,
  repositoryPasskeyStore,
  repositorySingleUseTokenStore,
  repositoryTotpStore,
} from '../../src/stores.ts';
import { createTotp } from '../../src/totp.ts';
import { refreshTokens, sessions as sessionEntity, sessionsOn, storesOn } from '../fixtures/stored-sessions.ts';
import { singleUseTokens } from '../fixtures/single-use-entity.ts';
import { apiKeys, identities, keySets, passkeys, secondFactors } from '../fixtures/stored-entities.ts';

const entities = [
  sessionEntity,
  refreshTokens,
  singleUseTokens,
  apiKeys,
  secondFactors,
  keySets,
  identities,
  passkeys,
] as const;

/** As a request of its own, which knows nothing of what others have written. */
const asAnother = <T>(work: () => Promise<T>): Promise<T> => runWithContext({}, work);

describeWithServer('postgres-standby', { killable: true }, (server) => {
  let db: Database<SqlNative>;
  let sessions: Sessions;
  const schema = uniqueName('ent');
  const onStandbys = async (work: (standby: Database<SqlNative>) => Promise<unknown>): Promise<void> => {
    for (const { url } of server.standbys) {
      const standby = await openDatabase<SqlNative>(`${url}?search_path=${schema}`);
      try {
        await work(standby);
      } finally {
        await standby.close();
      }
    }
  };
  const said = async (by: Database<SqlNative>, what: string): Promise<unknown> =>
    (await by.native.kysely.selectNoFrom(({ fn }) => fn(what, []).as('said')).executeTakeFirstOrThrow()).said;
  const waitFor = (work: () => Promise<void>) => vi.waitFor(work, { timeout: 30_000 });
  beforeAll(async () => {
    const primary = await openDatabase<SqlNative>(server.url);
    await primary.native.kysely.schema.createSchema(schema).execute();
    await primary.close();
    const replicas = server.standbys.map(({ host, port }) => `${host}:${port}`).join();
    db = await openDatabase<SqlNative>(`${server.url}?search_path=${schema}&replicas=${replicas}&maxReplicaLag=5m`);
    await createTables(db, ...entities);
    const { pem } = await generateKey();
    sessions = await sessionsOn(storesOn(db), pem, Date.now);
    await sessions.start({ subject: 'before' });
    // The standbys have the tables, are read from, and show nothing new from now on.
    const isSeen = async (standby: Database): Promise<void> =>
      expect(await standby.repo(sessionEntity).count()).toBe(1);
    await onStandbys((standby) => waitFor(() => isSeen(standby)));
    const ports = server.standbys.map(({ port }) => port);
    await waitFor(async () => expect(ports).toContain(await asAnother(() => said(db, 'inet_server_port'))));
    await onStandbys((standby) => said(standby, 'pg_wal_replay_pause'));
    await asAnother(() => sessions.start({ subject: 'after' }));
    await waitFor(() => asAnother(() => isSeen(db)));
  });
  afterAll(async () => {
    await db?.close();
    await onStandbys((standby) => said(standby, 'pg_wal_replay_resume'));
  });

  it('a session is there once it began, and not once it ended', async () => {
    const pair = await asAnother(() => sessions.start({ subject: 'ann' }));
    const principal = await asAnother(() => sessions.verify(pair.accessToken));
    const next = await asAnother(() => sessions.refresh(pair.refreshToken));
    expect(await asAnother(() => sessions.list('ann'))).toHaveLength(1);
    await asAnother(() => sessions.logout(principal));
    await expect(asAnother(() => sessions.verify(next.accessToken))).rejects.toMatchObject({
      details: { reason: 'session' },
    });
    await expect(asAnother(() => sessions.refresh(next.refreshToken))).rejects.toMatchObject({
      details: { reason: 'ended' },
    });
  });

  it('an API key is there once it was made, and not once it was revoked', async () => {
    const keys = createApiKeys({ store: repositoryApiKeyStore(db.repo(apiKeys)), prefix: 'acme' });
    const { key, id } = await asAnother(() => keys.create({ subject: 'ann', name: 'a', scopes: ['**'] }));
    await asAnother(() => keys.verify(key));
    expect(await asAnother(() => keys.list('ann'))).toHaveLength(1);
    await asAnother(() => keys.revoke('ann', id));
    await expect(asAnother(() => keys.verify(key))).rejects.toMatchObject({ details: { reason: 'revoked' } });
  });

  it('a second factor is asked for once it is in force', async () => {
    const store = repositoryTotpStore(db.repo(secondFactors));
    const totp = createTotp({ store, attempts: memoryThrottleStore(), issuer: 'Acme', secret: 's'.repeat(32) });
    const { secret } = await asAnother(() => totp.enrol('ann', 'ann'));
    await asAnother(() => totp.confirm('ann', new TOTP({ secret }).generate()));
    expect(await asAnother(() => totp.status('ann'))).toEqual({ enrolled: true, recoveryCodesLeft: 10 });
  });

  it('a single-use token, a passkey and a login elsewhere are there once they were made', async () => {
    const store = repositorySingleUseTokenStore(db.repo(singleUseTokens));
    const tokens = createSingleUseTokens({ store, purposes: { reset: '5m' } });
    const { token } = await asAnother(() => tokens.issue('reset', { subject: 'ann' }));
    expect((await asAnother(() => tokens.peek('reset', token))).subject).toBe('ann');

    const passkeyStore = repositoryPasskeyStore(db.repo(passkeys));
    const identityStore = repositoryIdentityStore(db.repo(identities));
    const of = { id: 'p', subject: 'ann', createdAt: new Date(0) };
    await asAnother(() =>
      passkeyStore.insert({
        ...of,
        credentialId: 'c',
        userHandle: 'u',
        publicKey: 'k',
        counter: 0,
        transports: '',
        synced: false,
        name: '',
        lastUsedAt: null,
      }),
    );
    await asAnother(() => identityStore.insert({ ...of, issuer: 'i', externalSubject: 's' }));
    for (const { get, list } of [passkeyStore, identityStore]) {
      expect(await asAnother<unknown>(() => get('p'))).toMatchObject({ id: 'p' });
      expect(await asAnother<unknown[]>(() => list('ann'))).toHaveLength(1);
    }
  });

  it('a policy is the one that was put in its place', async () => {
    const open = () =>
      openPolicy({
        store: repositoryKeyStore(db.repo(keySets), 'policy'),
        initial: { member: { allow: ['docs:read'] } },
      });
    const [here, there] = [await asAnother(open), await asAnother(open)];
    await asAnother(() => here.replace({ member: {} }, 1));
    await asAnother(() => there.reload());
    expect(there.can(trustedPrincipal({ subject: 'ann', roles: ['member'] }), 'docs:read')).toBe(false);
  });
});
