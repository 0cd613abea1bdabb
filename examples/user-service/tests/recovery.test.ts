// What users do whose password is of an older system or forgotten, and how they show that an address is theirs.
import { join } from 'node:path';
import { openDatabase } from '@ent/database/open';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { users } from '../src/users/user.ts';
import { type Client, client, newEmail, password, type User } from './client.ts';
import { mailsTo, tokensTo } from './mails.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

const folder = temporaryFolder();
let service: Service;
let api: Client;
beforeAll(async () => {
  service = await start(folder.path, settings(folder.path, { APP_URL: 'https://app.example.com/' }));
  api = client(service.url);
});
afterAll(async () => {
  await service?.stop();
  folder.remove();
});

const auth = (path: string, body?: object, token?: string) =>
  api.callInTurn('POST', `/api/v1/auth/${path}`, { ...(body && { body }), ...(token !== undefined && { token }) });
const tryLogin = async (email: string, secret: string): Promise<number> =>
  (await auth('login', { email, password: secret })).status;

/** The latest token that somebody has been sent, once there are so many. */
const mailed = async (name: string, page: 'verify-email' | 'reset-password', count = 1): Promise<string> => {
  await expect.poll(() => tokensTo(service, name, page).length).toBe(count);
  return tokensTo(service, name, page).at(-1) as string;
};

/** A user with a name of its own, by which its mails are known. */
const newPerson = () => api.newUser(`Ada ${newEmail()}`.replace(/@.*/, ''));

describe('a hash of an older system', () => {
  const OLD = 'correct horse battery staple';
  // Of Python's bcrypt.
  const HASH = '$2b$10$S9bwB15XQ/v68XrRqDkNPuesJlvD3x06fxxNaNtW/K20Pl4Av/Q2C';

  it('of bcrypt is taken, and replaced once its password was right', async () => {
    const { id, email } = await api.register();
    const db = await openDatabase(`sqlite:${join(folder.path, 'users.db')}`);
    const stored = async () => (await db.repo(users).get(id))?.passwordHash;
    try {
      await db.repo(users).update(id, { set: { passwordHash: HASH } });
      expect(await tryLogin(email, password)).toBe(401);
      expect(await stored()).toBe(HASH);
      await api.login(email, OLD);
      expect(await stored()).toMatch(/^\$argon2id\$/);
      await api.login(email, OLD);
    } finally {
      await db.close();
    }
  });
});

describe('verifying an address', () => {
  const isVerified = async (token: string): Promise<unknown> =>
    (await api.call<{ emailVerified: boolean }>('GET', '/api/v1/auth/account', { token })).body.emailVerified;

  it('goes by a link that is sent at registration and works once', async () => {
    const { email, name, token } = await newPerson();
    expect(await isVerified(token)).toBe(false);
    const link = await mailed(name, 'verify-email');
    expect(service.output()).not.toContain(email);
    expect(mailsTo(service, name)[0]).toContain(`https://app.example.com/verify-email#token=${link}`);
    expect(await auth('email-verification/confirm', { token: link })).toMatchObject({ status: 204 });
    expect(await isVerified(token)).toBe(true);
    expect(await auth('email-verification/confirm', { token: link })).toMatchObject({
      status: 400,
      body: { code: 'auth.single_use_invalid' },
    });
  });

  it('can be asked for again, and the link of the latest mail works', async () => {
    const { name, token } = await newPerson();
    const first = await mailed(name, 'verify-email');
    expect(await auth('email-verification', undefined, token)).toMatchObject({ status: 202, body: '' });
    const second = await mailed(name, 'verify-email', 2);
    expect((await auth('email-verification/confirm', { token: first })).status).toBe(400);
    expect((await auth('email-verification/confirm', { token: second })).status).toBe(204);
    expect((await auth('email-verification')).status).toBe(401);
  });

  it('is about that address: another one is not verified by it', async () => {
    const { id, name, token } = await newPerson();
    const old = await mailed(name, 'verify-email');
    const renamed = await api.call('PUT', `/api/v1/users/${id}`, { token, body: { email: newEmail() } });
    expect(renamed.status).toBe(200);
    expect((await auth('email-verification/confirm', { token: old })).status).toBe(400);
    await auth('email-verification', undefined, token);
    expect((await auth('email-verification/confirm', { token: await mailed(name, 'verify-email', 2) })).status).toBe(
      204,
    );
    expect(await isVerified(token)).toBe(true);
    await api.call('PUT', `/api/v1/users/${id}`, { token, body: { email: newEmail() } });
    expect(await isVerified(token)).toBe(false);
  });

  it('sends one account a few mails an hour, and no more', async () => {
    const { token } = await newPerson();
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await auth('email-verification', undefined, token)).status);
    expect(statuses).toEqual([202, 202, 202, 202, 202, 429]);
  });
});

describe('a forgotten password', () => {
  const NEW = 'nine otters paint the harbour';
  const askFor = async ({ email, name }: User): Promise<string> => {
    expect((await auth('password-reset', { email })).status).toBe(202);
    return mailed(name, 'reset-password');
  };
  const reset = (token: string, secret = NEW) => auth('password-reset/confirm', { token, password: secret });

  it('is replaced once, by the token of a mail, and every session ends', async () => {
    const person = await newPerson();
    const { id, email, token, tokens } = person;
    const elsewhere = await api.login(email);
    const link = await askFor(person);
    const answers = await Promise.all([reset(link), reset(link), reset(link)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 400, 400]);
    for (const old of [token, elsewhere.access_token]) {
      expect((await api.call('GET', `/api/v1/users/${id}`, { token: old })).status).toBe(401);
    }
    expect((await api.refresh(tokens.refresh_token)).status).toBe(401);
    expect(await tryLogin(email, password)).toBe(401);
    expect(await tryLogin(email, NEW)).toBe(200);
  });

  it('is asked for with one answer, whether somebody has the address or not', async () => {
    const { email } = await newPerson();
    const ask = async (address: string) => {
      const answers = [];
      for (let i = 0; i < 6; i++) answers.push(await auth('password-reset', { email: address }));
      return answers.map(({ status, headers, body }) => ({
        status,
        headers: [...headers.keys()].filter((name) => name !== 'keep-alive'),
        body: body === ('' as never) ? '' : body.code,
      }));
    };
    const known = await ask(email);
    expect(known.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 429]);
    expect(await ask(newEmail())).toEqual(known);
  });

  it('of an unknown address sends no mail', async () => {
    const sent = (): number => service.output().split('/reset-password#token=').length - 1;
    const before = sent();
    expect((await auth('password-reset', { email: newEmail() })).status).toBe(202);
    // Mails go out in their order, and one that was asked for later has.
    await askFor(await newPerson());
    expect(sent()).toBe(before + 1);
  });

  it('is not replaced by one that is refused, which leaves the token good', async () => {
    const link = await askFor(await newPerson());
    const short = await reset(link, 'short');
    expect(short).toMatchObject({ status: 422, body: { errors: [{ pointer: '#/password', in: 'body' }] } });
    expect((await reset(link)).status).toBe(204);
  });

  it.each<[string, (user: User & { token: string }) => Promise<unknown>]>([
    [
      'the password is changed',
      ({ id, token }) => api.callInTurn('PUT', `/api/v1/users/${id}`, { token, body: { password: NEW } }),
    ],
    [
      'the address is changed',
      ({ id, token }) => api.call('PUT', `/api/v1/users/${id}`, { token, body: { email: newEmail() } }),
    ],
    ['the user is deleted', ({ id, token }) => api.call('DELETE', `/api/v1/users/${id}`, { token })],
  ])('has no token left once %s', async (_what, change) => {
    const user = await newPerson();
    const link = await askFor(user);
    await change(user);
    expect(await reset(link, 'quite another passphrase')).toMatchObject({
      status: 400,
      body: { code: 'auth.single_use_invalid' },
    });
  });

  it.each(['', 'nonsense', 'A'.repeat(43)])('is not replaced by the token %j', async (token) => {
    expect([400, 422]).toContain((await reset(token)).status);
  });
});
