import { refuseUnknown, traced } from '@ent/internal';
import { channels, type TransactionOperation } from '../channels.ts';
import { databaseErrors } from '../errors.ts';
import type { TransactionOptions } from '../options.ts';
import { attempt, type Body, type How, TRANSACTION } from './attempt.ts';
import { beginCall } from './call.ts';
import type { Calls } from './calls.ts';
import { backoff, isConflict } from './faults.ts';
import { joined, nested } from './inner.ts';
import { assertFits, levelFor } from './isolation.ts';
import { expectTransaction } from './known-options.ts';
import type { Scope } from './scope.ts';

const OPTIONS = {
  isolation: true,
  readOnly: true,
  propagation: true,
  retries: true,
  timeout: true,
  signal: true,
} as const;

/**
 * Runs `body` in a transaction of its own, in a savepoint, or in the transaction around it: as `options.propagation`
 * says.
 */
export async function runTransaction<R>(
  calls: Calls,
  bound: Scope | undefined,
  options: TransactionOptions,
  body: Body<R>,
): Promise<R> {
  refuseUnknown(options, OPTIONS, 'transaction', databaseErrors.invalid_query);
  expectTransaction('transaction', options);
  const { features, name } = calls.driver;
  const outer = calls.scopes.of(bound);
  const isolation = levelFor(features, name, options.isolation);
  const how: How = { isolation, readOnly: options.readOnly ?? false, bare: false };
  if (outer === undefined) return topLevel(calls, options, how, body);
  outer.unit.assertUsable(TRANSACTION);
  if (options.propagation === 'new') {
    if (isInTrial(outer)) throw unsupported(calls, 'a new transaction inside what is rolled back: it would commit');
    if (!features.independentTransactions) throw unsupported(calls, 'a new transaction inside another one');
    return topLevel(calls, options, how, body);
  }
  assertFits(outer, options, isolation);
  if (options.propagation !== 'nested' && !outer.unit.isTrial) return joined(calls, outer, options, body);
  if (!features.savepoints) throw unsupported(calls, 'a nested transaction');
  return told(calls, 'savepoint', outer, () => nested(calls, outer, options, body));
}

/** How often who asked is told what a transaction waits for, in milliseconds. */
const LOOK_MS = 250;

/**
 * A transaction of its own: run again after a conflict, and its hooks after the commit.
 *
 * @param onWait hears, again and again, what it waits for, once that takes a while
 */
export async function topLevel<R>(
  calls: Calls,
  options: TransactionOptions,
  how: How,
  body: Body<R>,
  onWait?: (what: string) => void,
): Promise<R> {
  const call = beginCall(options, calls.defaults.transactionTimeoutMs, TRANSACTION);
  calls.sessions.enter(calls.scopes);
  const look = onWait && setInterval(() => call.waitingFor !== undefined && onWait(call.waitingFor), LOOK_MS);
  let hooks: readonly (() => unknown)[] = [];
  try {
    options.signal?.throwIfAborted();
    const result = await told(calls, 'transaction', how, async (event) => {
      const retries = options.retries ?? calls.defaults.retries;
      for (let tries = 1; ; tries += 1) {
        event.attempts = tries;
        try {
          const done = await attempt(calls, call, how, body);
          hooks = done.hooks;
          return done.result;
        } catch (error) {
          if (tries > retries || !isConflict(calls.driver, error)) throw error;
          await call.sleep(backoff(tries));
        }
      }
    });
    await runHooks(calls, hooks);
    return result;
  } finally {
    clearInterval(look);
    call.dispose();
    calls.sessions.leave();
  }
}

/** The hooks run outside of the transaction, one after the other; all of them, also when one throws. */
async function runHooks(calls: Calls, hooks: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const hook of hooks) {
    try {
      await calls.scopes.runHook(hook);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 0) return;
  throw databaseErrors.after_commit_failed(
    `The transaction is committed, but ${failures.length} of ${hooks.length} afterCommit hooks failed.`,
    { cause: failures.length === 1 ? failures[0] : new AggregateError(failures, 'several hooks failed') },
  );
}

/** Publishes what comes of a transaction or a savepoint. */
function told<R>(
  { driver: { name: system, namespace } }: Calls,
  kind: TransactionOperation['kind'],
  { readOnly, isolation }: Pick<How, 'readOnly' | 'isolation'>,
  work: (event: TransactionOperation) => Promise<R>,
): Promise<R> {
  const event: TransactionOperation = { system, namespace, kind, readOnly, isolation, attempts: 1 };
  if (!channels.transaction.hasSubscribers) return work(event);
  return traced(channels.transaction, event, async () => {
    try {
      const result = await work(event);
      event.outcome = 'committed';
      return result;
    } catch (error) {
      event.outcome = 'rolled_back';
      throw error;
    }
  });
}

function isInTrial(scope: Scope | undefined): boolean {
  return scope !== undefined && (scope.unit.isTrial || isInTrial(scope.parent));
}

function unsupported(calls: Calls, what: string): Error {
  return databaseErrors.unsupported(`${calls.driver.name} cannot begin ${what}.`);
}
