import { databaseErrors } from '../errors.ts';
import { beginCall } from './call.ts';
import type { Calls } from './calls.ts';
import { migrationHost } from './exclusive.ts';
import type { Host } from './host.ts';
import { expectCallOptions } from './known-options.ts';
import type { Scope } from './scope.ts';
import { inScopeOfNow } from './tenancy.ts';
import { runTransaction } from './transactions.ts';
import { runTrial } from './trial.ts';

/** The host of a database; those of its transactions' handles come from it. */
export function hostOf(calls: Calls, cursorSecret: string): Host {
  const migrations = migrationHost(calls);
  const within = (scope: Scope | undefined): Host => ({
    driver: calls.driver,
    cursorSecret,
    migrations,
    run: (operation, options, work) => calls.run(scope, operation, options, work),
    transaction: (options, body) => runTransaction(calls, scope, options, (inner) => body(within(inner))),
    trial: (options, body) => runTrial(calls, options, (inner) => body(within(inner))),
    afterCommit(hook) {
      const around = calls.scopes.of(scope);
      if (around === undefined) {
        hook();
        return;
      }
      if (around.unit.state === 'ended') {
        throw databaseErrors.transaction_ended('afterCommit was called in a transaction that has ended.');
      }
      around.unit.hooks.push(inScopeOfNow(hook));
    },
    checkRoom: () => calls.fullness.check(),
    async close(options) {
      expectCallOptions('close', options);
      if (calls.scopes.of(undefined)?.unit.state === 'open') {
        throw databaseErrors.invalid_query('close() was called inside a transaction, which it would wait for.');
      }
      await calls.sessions.close(() => beginCall(options, calls.defaults.timeoutMs, { operation: 'close' }));
    },
  });
  return within(undefined);
}
