import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import type { PasskeyRecord, PasskeyStore, ReplayStore } from './driver.ts';
import type { Clock, Duration } from './options.ts';
import type { Secret } from './refresh-tokens.ts';

/** How passkeys are made and checked. */
export interface PasskeysOptions {
  /** `memoryPasskeyStore()` or `repositoryPasskeyStore(...)` of `@ent/auth/stores`, or your own. */
  store: PasskeyStore;
  /** Where it is remembered which challenges were used: `memoryReplayStore()`, or one that all processes share. */
  replays: ReplayStore;
  /**
   * What challenges are sealed with: at least 32 bytes, the same in all processes. Of several the first seals, and the
   * others still open.
   */
  secret: Secret | readonly Secret[];
  /** The domain that passkeys are for: `example.com` works on all its subdomains. It can never be changed. */
  rpId: string;
  /** The name of your service, as browsers show it. */
  rpName: string;
  /** The origins of your pages: `https://app.example.com`. */
  origin: string | readonly string[];
  /**
   * Whether the authenticator has to know who holds it, by a PIN or a finger. Default `required`: a passkey is then two
   * factors. `preferred` takes those that do not; look at `userVerified`.
   */
  userVerification?: 'required' | 'preferred' | undefined;
  /** How long a ceremony may take. Default `"5m"`, at most `"1h"`. */
  ttl?: Duration | undefined;
  /** Default `Date.now`. */
  now?: Clock | undefined;
}

/** Whom a passkey is for. */
export interface PasskeyAccount {
  /** The account. It is not told to the authenticator. */
  subject: string;
  /** As browsers show it where there are several: a mail address. */
  name: string;
  /** Default: `name`. */
  displayName?: string | undefined;
}

/** A ceremony that has begun. */
export interface PasskeyCeremony<Options> {
  /** For `PublicKeyCredential.parseCreationOptionsFromJSON`, or `parseRequestOptionsFromJSON`, in the browser. */
  readonly options: Options;
  /** Comes back with the answer of the browser. Sealed. */
  readonly state: string;
}

/** What the owner of a passkey may see of it. */
export type Passkey = Omit<PasskeyRecord, 'publicKey' | 'userHandle' | 'counter'>;

/** A login by a passkey. */
export interface PasskeyLogin {
  readonly subject: string;
  /** Which one it was. */
  readonly id: string;
  /** Whether the authenticator knew who held it. */
  readonly userVerified: boolean;
  /** For `sessions.start({ amr })`, RFC 8176: `["pop", "mfa"]`, or `["pop"]` where nobody was verified. */
  readonly amr: readonly string[];
}

/** Passkeys of accounts. */
export interface Passkeys {
  /** Begins to register a passkey for an account that is logged in. Those that it has are excluded. */
  register(account: PasskeyAccount): Promise<PasskeyCeremony<PublicKeyCredentialCreationOptionsJSON>>;
  /**
   * Stores a passkey.
   *
   * @param subject the account that is logged in; another one began it, then it is refused
   * @param response of the browser: `credential.toJSON()`
   * @param name what its owner calls it. Default: nothing
   * @throws `auth.passkey_rejected`, whatever is wrong
   */
  confirm(subject: string, response: unknown, state: string, name?: string): Promise<Passkey>;
  /**
   * Begins a login: by any passkey that the browser has for this service, or by those of one account, which is then one
   * more factor.
   */
  authenticate(subject?: string): Promise<PasskeyCeremony<PublicKeyCredentialRequestOptionsJSON>>;
  /**
   * Whose passkey it was. Each challenge is good once, also when many answers come at once.
   *
   * @param response of the browser: `credential.toJSON()`
   * @throws `auth.passkey_invalid`, whatever is wrong. A counter that did not go up says that there is a copy of an
   *   authenticator that has none: it is refused too, with the outcome `counter` on the channel
   */
  verify(response: unknown, state: string): Promise<PasskeyLogin>;
  /** The passkeys of an account, the newest first. */
  list(subject: string): Promise<Passkey[]>;
  /** Removes a passkey of an account. False when it has no such one. */
  remove(subject: string, id: string): Promise<boolean>;
}
