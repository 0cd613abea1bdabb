/**
 * Logins by passkeys (WebAuthn), through the npm package `@simplewebauthn/server`.
 */
import { hash, randomBytes } from 'node:crypto';
import { durationOption, kindOf, refuseUnknown } from '@ent/internal';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { channels, type PasskeyOperation } from './channels.ts';
import type { PasskeyRecord } from './driver.ts';
import { authErrors, credentialError, storeCall } from './errors.ts';
import { demandMethods, demandText } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { createSealer } from './internal/sealed.ts';
import type { Passkey, PasskeyAccount, PasskeyLogin, Passkeys, PasskeysOptions } from './passkey-options.ts';

export type {
  Passkey,
  PasskeyAccount,
  PasskeyCeremony,
  PasskeyLogin,
  Passkeys,
  PasskeysOptions,
} from './passkey-options.ts';

interface State {
  readonly kind: 'register' | 'authenticate';
  readonly challenge: string;
  readonly subject?: string | undefined;
  readonly userHandle?: string | undefined;
  readonly madeAt: number;
}

const OPTIONS = {
  store: true,
  replays: true,
  secret: true,
  rpId: true,
  rpName: true,
  origin: true,
  userVerification: true,
  ttl: true,
  now: true,
} as const;
const MAX_TTL_MS = 3_600_000;
const MAX_NAME = 64;
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'base64url'));
const idOf = (credentialId: string): string => hash('sha256', credentialId, 'base64url');

/**
 * Passkeys over any store. Needs `npm install @simplewebauthn/server`.
 *
 * @throws `auth.configuration` for options that cannot work
 *
 * @example
 * ```ts
 * import { createPasskeys } from '@ent/auth/passkeys';
 * import { memoryPasskeyStore, memoryReplayStore } from '@ent/auth/stores';
 *
 * const passkeys = createPasskeys({
 *   store: memoryPasskeyStore(),
 *   replays: memoryReplayStore(),
 *   secret: 'of the environment, at least 32 bytes',
 *   rpId: 'example.com',
 *   rpName: 'Acme',
 *   origin: 'https://app.example.com',
 * });
 * const { options, state } = await passkeys.register({ subject: 'ann', name: 'ann@example.com' });
 * console.log(options.rp.id, state.length > 0); // example.com true
 * ```
 */
export function createPasskeys(options: PasskeysOptions): Passkeys {
  refuseUnknown(options, OPTIONS, 'createPasskeys', authErrors.configuration);
  const { store, replays, rpId, rpName, userVerification = 'required', now = Date.now } = options;
  demandMethods(store, ['insert', 'get', 'list', 'use', 'delete'], 'createPasskeys: store');
  demandMethods(replays, ['add'], 'createPasskeys: replays, such as memoryReplayStore(),');
  for (const [name, value] of Object.entries({ rpId, rpName })) {
    demandText(value, `createPasskeys: ${name}`);
    if (value === '') throw authErrors.configuration(`createPasskeys: "${name}" must not be empty.`);
  }
  const origins = originsOf(options.origin, rpId);
  if (userVerification !== 'required' && userVerification !== 'preferred') {
    throw authErrors.configuration('createPasskeys: "userVerification" must be "required" or "preferred".');
  }
  if (typeof now !== 'function') throw authErrors.configuration('createPasskeys: "now" must be a function.');
  const ttlMs = durationOption(options.ttl ?? '5m', 'ttl', authErrors.configuration);
  if (ttlMs > MAX_TTL_MS) throw authErrors.configuration('createPasskeys: "ttl" must be at most 1 h.');
  const requireUserVerification = userVerification === 'required';
  const use = { purpose: `passkeys\0${rpId}`, typ: 'ent-passkey+jwe', what: 'A challenge' };
  const sealer = createSealer([options.secret].flat(), use);

  const seal = (state: Omit<State, 'madeAt'>): Promise<string> =>
    sealer.seal(JSON.stringify({ ...state, madeAt: now() }));

  const open = async (sealed: unknown, kind: State['kind']): Promise<State | undefined> => {
    const text = typeof sealed === 'string' ? await sealer.open(sealed).catch(() => undefined) : undefined;
    const state = text === undefined ? undefined : (JSON.parse(text) as State);
    const age = now() - (state?.madeAt ?? 0);
    // By a clock that was set back it is not good for longer.
    return state?.kind === kind && age > -ttlMs && age < ttlMs ? state : undefined;
  };

  const listOf = (subject: string): Promise<PasskeyRecord[]> => storeCall('list passkeys', () => store.list(subject));

  /** What the browser needs to know of passkeys that it is to use, or not to. */
  const descriptorsOf = (passkeys: readonly PasskeyRecord[]) =>
    passkeys.map(({ credentialId, transports }) => ({
      id: credentialId,
      transports: transports.split(' ').filter((word) => word !== ''),
    }));

  const isFirst = (challenge: string): Promise<boolean> =>
    storeCall('remember a challenge', () =>
      replays.add(hash('sha256', `passkey\0${challenge}`, 'base64url'), 2 * ttlMs),
    );

  const refusals =
    (operation: PasskeyOperation, make: (reason: string, cause?: unknown) => Error) =>
    (reason: string, cause?: unknown): Error => {
      operation.outcome = reason;
      return make(reason, cause);
    };

  const begin = async ({ subject, name, displayName = name }: PasskeyAccount) => {
    const known = await listOf(subject);
    // One that differs for the next passkey would make a second account of it in some authenticators.
    const userHandle = known[0]?.userHandle ?? base64url(randomBytes(32));
    const made = await generateRegistrationOptions({
      rpID: rpId,
      rpName,
      userID: bytesOf(userHandle),
      userName: name,
      userDisplayName: displayName,
      timeout: ttlMs,
      attestationType: 'none',
      excludeCredentials: descriptorsOf(known),
      authenticatorSelection: { residentKey: 'required', userVerification },
    });
    const state = await seal({ kind: 'register', challenge: made.challenge, subject, userHandle });
    return { options: made, state };
  };

  const confirm = async (
    subject: string,
    response: unknown,
    sealed: string,
    name: string,
    operation: PasskeyOperation,
  ): Promise<Passkey> => {
    const refusal = refusals(operation, rejected);
    const state = await open(sealed, 'register');
    if (state?.userHandle === undefined) throw refusal('state');
    if (state.subject !== subject) throw refusal('subject');
    const { registrationInfo: info } = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: state.challenge,
      expectedOrigin: [...origins],
      expectedRPID: rpId,
      requireUserVerification,
    }).catch((cause: unknown) => {
      throw refusal('response', cause);
    });
    if (info === undefined) throw refusal('signature');
    if (!(await isFirst(state.challenge))) throw refusal('replay');
    const { credential, credentialDeviceType } = info;
    const record: PasskeyRecord = {
      id: idOf(credential.id),
      credentialId: credential.id,
      subject,
      userHandle: state.userHandle,
      publicKey: base64url(credential.publicKey),
      counter: credential.counter,
      // The browser says them, and anything could stand there.
      transports: (credential.transports ?? [])
        .filter((word) => /^[a-z-]{1,20}$/.test(word))
        .slice(0, 8)
        .join(' '),
      synced: credentialDeviceType === 'multiDevice',
      name,
      createdAt: new Date(now()),
      lastUsedAt: null,
    };
    if (!(await storeCall('add a passkey', () => store.insert(record)))) throw refusal('exists');
    return shown(record);
  };

  const verify = async (response: unknown, sealed: string, operation: PasskeyOperation): Promise<PasskeyLogin> => {
    const refusal = refusals(operation, refused);
    const state = await open(sealed, 'authenticate');
    if (state === undefined) throw refusal('state');
    const { id: credentialId, response: inner } = Object(response) as { id?: unknown; response?: unknown };
    if (typeof credentialId !== 'string' || credentialId.length > 1400) throw refusal('response');
    const record = await storeCall('read a passkey', () => store.get(idOf(credentialId)));
    if (record?.credentialId !== credentialId) throw refusal('unknown');
    if (state.subject !== undefined && state.subject !== record.subject) throw refusal('subject');
    const { userHandle } = Object(inner) as { userHandle?: unknown };
    // Who it is, the authenticator has to say where nobody else did (WebAuthn, section 7.2, step 6).
    const isOptional = state.subject !== undefined && (userHandle === undefined || userHandle === null);
    if (userHandle !== record.userHandle && !isOptional) throw refusal('user_handle');
    const { verified, authenticationInfo: info } = await verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      expectedChallenge: state.challenge,
      expectedOrigin: [...origins],
      expectedRPID: rpId,
      requireUserVerification,
      // The counter is compared below, where it is known that the authenticator said it.
      credential: { id: credentialId, publicKey: bytesOf(record.publicKey), counter: 0 },
    }).catch((cause: unknown) => {
      throw refusal('response', cause);
    });
    if (!verified) throw refusal('signature');
    if (!(await isFirst(state.challenge))) throw refusal('replay');
    const at = new Date(now());
    if (!(await storeCall('use a passkey', () => store.use(record.id, info.newCounter, at)))) throw refusal('counter');
    const { userVerified } = info;
    return { subject: record.subject, id: record.id, userVerified, amr: userVerified ? ['pop', 'mfa'] : ['pop'] };
  };

  const traced = <T>(operation: PasskeyOperation['operation'], work: (payload: PasskeyOperation) => Promise<T>) =>
    tracedOutcome<PasskeyOperation, T>(channels.passkey, { operation }, work);

  return {
    register: (account) =>
      traced('register', async () => {
        const known = { subject: true, name: true, displayName: true } as const;
        refuseUnknown(account, known, 'passkeys.register', authErrors.configuration);
        demandSubject(account.subject, 'passkeys.register');
        demandText(account.name, 'passkeys.register: name');
        if (account.displayName !== undefined) demandText(account.displayName, 'passkeys.register: displayName');
        return begin(account);
      }),
    confirm: (subject, response, state, name = '') =>
      traced('confirm', async (operation) => {
        demandSubject(subject, 'passkeys.confirm');
        demandText(name, 'passkeys.confirm: name');
        const kept = name.slice(0, MAX_NAME).toWellFormed().replaceAll('\0', '');
        return confirm(subject, response, state, kept, operation);
      }),
    authenticate: (subject) =>
      traced('authenticate', async () => {
        if (subject !== undefined) demandSubject(subject, 'passkeys.authenticate');
        const made = await generateAuthenticationOptions({
          rpID: rpId,
          timeout: ttlMs,
          userVerification,
          ...(subject !== undefined && { allowCredentials: descriptorsOf(await listOf(subject)) }),
        });
        return { options: made, state: await seal({ kind: 'authenticate', challenge: made.challenge, subject }) };
      }),
    verify: (response, state) => traced('verify', (operation) => verify(response, state, operation)),
    async list(subject) {
      demandSubject(subject, 'passkeys.list');
      const records = await listOf(subject);
      return records.sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime()).map(shown);
    },
    remove: (subject, id) =>
      traced('remove', async () => {
        demandSubject(subject, 'passkeys.remove');
        demandText(id, 'passkeys.remove: the id');
        return storeCall('remove a passkey', () => store.delete(subject, id));
      }),
  };
}

function rejected(reason: string, cause?: unknown): Error {
  return authErrors.passkey_rejected('The new passkey was refused.', { cause, details: { reason } });
}

function refused(reason: string, cause?: unknown): Error {
  return credentialError('passkey_invalid', 'The passkey was refused.', reason, cause);
}

function shown(record: PasskeyRecord): Passkey {
  const { publicKey: _key, userHandle: _handle, counter: _counter, ...passkey } = record;
  return passkey;
}

/** WebAuthn, section 5.1.3: the domain of each page is that of the passkeys, or below it. */
function originsOf(given: string | readonly string[], rpId: string): readonly string[] {
  const origins = [given].flat();
  for (const origin of origins) {
    const url = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : undefined;
    if (url === undefined || url.origin !== origin || !(url.hostname === rpId || url.hostname.endsWith(`.${rpId}`))) {
      throw authErrors.configuration(
        `createPasskeys: "origin" must be origins of ${rpId}, such as "https://${rpId}"; got ${kindOf(origin)}.`,
      );
    }
  }
  if (origins.length === 0) throw authErrors.configuration('createPasskeys: "origin" must not be an empty list.');
  return origins;
}

function demandSubject(subject: unknown, what: string): void {
  demandText(subject, `${what}: the subject`);
  if (subject === '') throw authErrors.configuration(`${what}: the subject must not be empty.`);
}
