import { hash } from 'node:crypto';
import { addressKey, durationOption, refuseUnknown } from '@ent/internal';
import { AttemptCounts, type Counted } from './internal/attempt-counts.ts';
import { demandMethods, demandText } from './internal/demand.ts';
import { tracedOutcome } from './internal/outcome.ts';
import { channels } from './channels.ts';
import type { ThrottleRule, ThrottleStore } from './driver.ts';
import { authErrors } from './errors.ts';
import type { Clock, Duration } from './options.ts';

/** So many attempts at once, and the same number again spread over each `per`. */
export interface ThrottleLimit {
  readonly attempts: number;
  readonly per: Duration;
}

/** How attempts are limited. */
export interface ThrottleOptions {
  /** Where attempts are counted, by `@ent/auth/stores`: `memoryThrottleStore()`, or `repositoryThrottleStore()`. */
  readonly store: ThrottleStore;
  /** How long an answer of the store is waited for. Default: `"1s"`. */
  readonly timeout?: Duration | undefined;
  /**
   * Of one client address, whatever the account: against trying one password
   * on many accounts. Default 100 per 15 minutes.
   */
  readonly address?: ThrottleLimit | undefined;
  /**
   * Of one account, whatever the address: against guessing from many addresses. Default 50 per 15 minutes. It is the
   * higher of the two that know the account, since whoever uses it up keeps the owner out for a while.
   */
  readonly account?: ThrottleLimit | undefined;
  /** Of one account from one address. Default 10 per 15 minutes. */
  readonly pair?: ThrottleLimit | undefined;
  /** Default: the time at the start of the process and what has passed since, which no step of the wall clock moves. */
  readonly now?: Clock | undefined;
}

/** Who tries. */
export interface Attempt {
  /** The client's address, as the server sees it: never out of a header that clients can set. */
  readonly address: string;
  /** The account as it was typed; upper and lower case are the same. Whether it exists does not matter. */
  readonly account: string;
}

/** An attempt that was let through. */
export interface CountedAttempt {
  /** The password was right: the attempt is given back, and the pair begins anew. */
  succeeded(): Promise<void>;
  /** The attempt came to nothing, as the service was busy: it is given back, and that is all. */
  undo(): Promise<void>;
}

/** Limits login attempts. */
export interface Throttle {
  /**
   * Counts an attempt before it is made: of any number at once, no more than the limit get through. A success is taken
   * back out, so that only failures use the limits up. Nobody is locked out for good: each limit refills steadily.
   *
   * When the store fails or does not answer in time, this process counts by itself, with the same limits, and for a
   * second on, before the store is asked again: an outage neither locks everybody out nor opens the gates, and few wait
   * for it. The channel `ent:auth:throttle` tells.
   *
   * @throws `auth.too_many_attempts` with `retryAfterMs`, whether the account exists or not; `auth.overloaded` of a
   *   store that many processes ask for one key at once
   */
  attempt(who: Attempt): Promise<CountedAttempt>;
}

const OPTIONS = { store: true, timeout: true, address: true, account: true, pair: true, now: true } as const;

/** Milliseconds since the epoch, as several processes share them, but never back. */
const steadyNow: Clock = () => performance.timeOrigin + performance.now();

type Kind = 'address' | 'account' | 'pair';
type Taken = Map<Kind, Counted>;

/**
 * A throttle for logins, and for whatever else can be guessed.
 *
 * @throws `auth.configuration`
 *
 * @example
 * ```ts
 * import { createThrottle } from '@ent/auth';
 * import { memoryThrottleStore } from '@ent/auth/stores';
 *
 * const throttle = createThrottle({ store: memoryThrottleStore() });
 * const attempt = await throttle.attempt({ address: '192.0.2.1', account: 'ann@example.com' });
 * const passwordWasRight = true;
 * if (passwordWasRight) await attempt.succeeded();
 * ```
 */
export function createThrottle(options: ThrottleOptions): Throttle {
  refuseUnknown(options, OPTIONS, 'createThrottle', authErrors.configuration);
  const { store, now = steadyNow } = options;
  demandMethods(store, ['take', 'give', 'reset'], 'createThrottle: store, such as memoryThrottleStore(),');
  const rules: Record<Kind, ThrottleRule> = {
    address: ruleOf('address', options.address ?? { attempts: 100, per: '15m' }),
    account: ruleOf('account', options.account ?? { attempts: 50, per: '15m' }),
    pair: ruleOf('pair', options.pair ?? { attempts: 10, per: '15m' }),
  };
  const counts = new AttemptCounts(store, options.timeout);
  const give = (keys: Record<Kind, string>, taken: Taken, but?: Kind): Promise<unknown> =>
    Promise.all(
      Array.from(taken, async ([kind, { isLocal }]) => {
        if (kind !== but) await counts.give(keys[kind], rules[kind], now(), isLocal);
      }),
    );

  return {
    attempt: (who) =>
      tracedOutcome(channels.throttle, {}, async (operation) => {
        refuseUnknown(who, { address: true, account: true }, 'throttle.attempt', authErrors.configuration);
        demandText(who.address, 'throttle.attempt: address');
        demandText(who.account, 'throttle.attempt: account');
        const keys = keysOf(who);
        const taken: Taken = new Map();
        // The narrowest first: whoever hammers one account uses up that pair, and not the account for everybody.
        for (const kind of ['pair', 'account', 'address'] as const) {
          const counted = await counts.take(keys[kind], rules[kind], now());
          if (!counted.ok) {
            operation.outcome = kind;
            await give(keys, taken);
            throw authErrors.too_many_attempts('Too many attempts; try again later.', {
              retryAfterMs: Math.ceil(counted.retryAfterMs),
            });
          }
          taken.set(kind, counted);
        }
        return {
          async succeeded() {
            await give(keys, taken, 'pair');
            await counts.reset(keys.pair);
          },
          async undo() {
            await give(keys, taken);
          },
        };
      }),
  };
}

function ruleOf(name: Kind, { attempts, per }: ThrottleLimit): ThrottleRule {
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw authErrors.configuration(`"${name}.attempts" must be a whole number of at least 1; got ${String(attempts)}.`);
  }
  return { burst: attempts, intervalMs: durationOption(per, `${name}.per`, authErrors.configuration) / attempts };
}

/** Hashed: a store then holds no address and no account, and a key has the same length whatever was typed. */
function keysOf({ address, account }: Attempt): Record<Kind, string> {
  const where = addressKey(address);
  const who = account.slice(0, 1024).normalize('NFKC').toLowerCase();
  const key = (...parts: string[]): string => hash('sha256', JSON.stringify(parts), 'base64url');
  return { address: key('address', where), account: key('account', who), pair: key('pair', where, who) };
}
