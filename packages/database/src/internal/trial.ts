import { databaseErrors } from '../errors.ts';
import type { TransactionOptions } from '../options.ts';
import type { Body } from './attempt.ts';
import type { Calls } from './calls.ts';
import { levelFor } from './isolation.ts';
import { topLevel } from './transactions.ts';

/** Not a failure: how a trial ends. */
class Undone extends Error {}

/**
 * Runs `body` in a transaction that is rolled back at its end. To the calls in it, that is outside of any transaction:
 * each is in a savepoint of its own, and so is each transaction.
 */
export async function runTrial<R>(calls: Calls, options: TransactionOptions, body: Body<R>): Promise<R> {
  const { features, name } = calls.driver;
  const isolation = levelFor(features, name, options.isolation);
  if (!features.savepoints) throw databaseErrors.unsupported(`${name} has no savepoints, so it can try nothing out.`);
  if (calls.scopes.of(undefined) !== undefined) {
    throw databaseErrors.invalid_query(
      'What is to be rolled back begins a transaction of its own; call it outside of one.',
    );
  }
  const how = { isolation, readOnly: options.readOnly ?? false, bare: false, isTrial: true };
  let result: { readonly value: R } | undefined;
  try {
    // Never run again: it may be a test, which would do the half of it twice.
    await topLevel(calls, { ...options, retries: 0 }, how, async (scope) => {
      result = { value: await body(scope) };
      throw new Undone();
    });
  } catch (error) {
    if (!(error instanceof Undone)) throw error;
  }
  return (result as { readonly value: R }).value;
}
