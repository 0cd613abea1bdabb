import type { Clock } from '../options.ts';
import { createSealer } from './sealed.ts';
import type { Secret } from '../refresh-tokens.ts';

/** What is remembered of a login between its start and its callback, in the hands of the browser. */
export interface LoginState {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Seconds; how old the login of the account may be. */
  readonly maxAge?: number | undefined;
  readonly returnTo?: string | undefined;
}

/** Seals states for one client of one issuer: one of another login form is none here. */
export interface LoginStates {
  seal(state: LoginState): Promise<string>;
  /** Undefined for one of another client, one that was changed, and one that is too old. */
  open(sealed: string): Promise<LoginState | undefined>;
}

export function loginStates(
  secrets: readonly Secret[],
  { whose, ttlMs, now }: { readonly whose: string; readonly ttlMs: number; readonly now: Clock },
): LoginStates {
  const use = { purpose: `oauth login\0${whose}`, typ: 'ent-login+jwe', what: 'The state of a login' };
  const sealer = createSealer(secrets, use);
  return {
    seal: (state) => sealer.seal(JSON.stringify({ ...state, madeAt: now() })),
    async open(sealed) {
      const text = await sealer.open(sealed).catch(() => undefined);
      if (text === undefined) return undefined;
      const { madeAt, ...state } = JSON.parse(text) as LoginState & { madeAt: number };
      const age = now() - madeAt;
      // By a clock that was set back it is not good for longer.
      return age > -ttlMs && age < ttlMs ? state : undefined;
    },
  };
}
