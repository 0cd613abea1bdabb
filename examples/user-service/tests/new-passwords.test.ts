// What a policy of @ent/auth would refuse as words about the account, wherever a password is set. The service has none
// by default.
import { createPasswordPolicy, createPasswords } from '@ent/auth';
import { argon2 } from '@ent/auth/argon2';
import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { openDatabase } from '@ent/database/open';
import { createTables } from '@ent/database/testing';
import { expect, it, onTestFinished } from 'vitest';
import { createPasswordResets } from '../src/auth/password-resets.ts';
import { createTokens, singleUseTokens } from '../src/auth/single-use-tokens.ts';
import { createUserService } from '../src/users/service.ts';
import { users as userEntity } from '../src/users/user.ts';

it('a password is not a name or an address of the account: at registration, at a change, and after a reset', async () => {
  const db = await openDatabase('sqlite::memory:');
  await createTables(db, userEntity);
  await createTables(db, singleUseTokens);
  const cache = createCache({ driver: memory() });
  onTestFinished(async () => {
    await cache.close();
    await db.close();
  });
  const passwords = createPasswords({ driver: argon2(), policy: createPasswordPolicy({}), minLength: 8 });
  const sessions = { revokeAll: async () => 0 } as never;
  const tokens = createTokens(db);
  const service = createUserService({
    db,
    cache,
    passwords,
    sessions,
    endPasswordResets: async () => 0,
    forget: async () => undefined,
    publish: async () => undefined,
  });
  const links: string[] = [];
  const send = async ({ text }: { text: string }): Promise<void> => void links.push(text);
  const resets = createPasswordResets({ users: service, tokens, passwords, sessions, send, appUrl: '' });

  const refused = { code: 'auth.password_rejected', issues: [{ code: 'about_you' }] };
  const [email, name, password] = ['ada@example.com', 'Ada Lovelace', 'nine otters paint the harbour'];
  for (const word of [email, name]) {
    await expect(service.create({ email, name, password: word })).rejects.toMatchObject(refused);
  }
  const { id } = await service.create({ email, name, password });
  const by = { by: id, from: '127.0.0.1' };
  for (const change of [{ password: email }, { password: name }, { name: 'Countess of Lovelace' }]) {
    const asked = service.update(id, { password: 'countess of lovelace', ...change }, by);
    await expect(asked).rejects.toMatchObject(refused);
  }
  await resets.ask(email);
  const token = /#token=(\S+)/.exec(links[0] as string)?.[1] as string;
  for (const word of [email, name]) {
    await expect(resets.confirm(token, word, {})).rejects.toMatchObject(refused);
  }
  await resets.confirm(token, 'ten otters paint the harbour', {});
});
