import type { DatabaseFeatures, IsolationLevel } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import type { TransactionOptions } from '../options.ts';
import type { Scope } from './scope.ts';

const LEVELS: readonly IsolationLevel[] = ['read committed', 'repeatable read', 'snapshot', 'serializable'];

/**
 * The weakest level of the driver that is at least as strong as the one asked for; undefined for the database's own.
 */
export function levelFor(
  { isolation, transactions }: DatabaseFeatures,
  driver: string,
  asked: IsolationLevel | undefined,
): IsolationLevel | undefined {
  if (!transactions) throw databaseErrors.unsupported(`${driver} has no transactions.`);
  if (asked === undefined) return isolation.length === 1 ? isolation[0] : undefined;
  const strength = LEVELS.indexOf(asked);
  const level = isolation.find((offered) => strength >= 0 && LEVELS.indexOf(offered) >= strength);
  if (level === undefined) {
    throw databaseErrors.unsupported(
      `${driver} cannot isolate transactions as "${asked}"; it offers: ${isolation.join(', ')}.`,
    );
  }
  return level;
}

/** A transaction that joins another can ask for nothing that the other one is not. */
export function assertFits(outer: Scope, options: TransactionOptions, isolation: IsolationLevel | undefined): void {
  if (outer.readOnly && options.readOnly === false) {
    throw databaseErrors.unsupported('A transaction that writes cannot join one that is read-only.');
  }
  const has = outer.isolation === undefined ? -1 : LEVELS.indexOf(outer.isolation);
  if (isolation !== undefined && LEVELS.indexOf(isolation) > has) {
    throw databaseErrors.unsupported(
      `A transaction that asks for "${isolation}" cannot join one that was begun ${outer.isolation === undefined ? 'without a level' : `as "${outer.isolation}"`}; ask for it in the outer one.`,
    );
  }
}
