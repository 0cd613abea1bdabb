import type { DriverCall } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import { beginCall } from './call.ts';
import type { Calls } from './calls.ts';
import type { MigrationHost } from './host.ts';
import { type Scope, Unit } from './scope.ts';
import { topLevel } from './transactions.ts';

/** What a migrator needs, on the calls of its database. */
export function migrationHost(calls: Calls): MigrationHost {
  const { driver, scopes } = calls;
  return {
    async exclusive(ledger, { foreignKeys, transaction, onWait, ...options }, work) {
      expectOutside(calls, 'Migrations');
      const { features } = driver;
      const bare = transaction === false || !(features.transactions && features.transactionalDdl);
      // The weakest level, so that what is read after the wait for the lock is what its last holder has left.
      const isolation = bare ? undefined : features.isolation[0];
      // What cannot be rolled back is not done twice.
      const again = bare ? { ...options, retries: 0 } : options;
      const body = async (scope: Scope) => {
        await lock(calls, scope, ledger.name);
        return work();
      };
      return topLevel(calls, again, { isolation, readOnly: false, foreignKeys, bare, scripts: true }, body, onWait);
    },

    async reading(options, work) {
      expectOutside(calls, 'Migrations');
      // No transaction, but the session of one that writes: a replica may not have heard of the last migration.
      return topLevel(calls, options, { isolation: undefined, readOnly: false, bare: true }, work);
    },

    async hasTable(ledger) {
      const operation = { operation: 'migrate', entity: ledger.name, use: 'read', latest: true } as const;
      return calls.run(scopes.of(undefined), operation, undefined, async (session, call) => {
        if (driver.hasTable !== undefined) return driver.hasTable(session, ledger, call);
        await driver.createTable(session, ledger, call);
        return true;
      });
    },

    async createTable(ledger) {
      const operation = { operation: 'migrate', entity: ledger.name, use: 'write' } as const;
      await calls.run(scopes.of(undefined), operation, undefined, async (session, call) => {
        // To create it "if not exists" needs the right to create one, also where it does.
        const isThere = (await driver.hasTable?.(session, ledger, call)) ?? false;
        if (!isThere) await driver.createTable(session, ledger, call);
      });
    },

    async scripted({ onWait, ...options }, work) {
      expectOutside(calls, 'Seeds');
      const bare = !driver.features.transactions;
      const again = bare ? { ...options, retries: 0 } : options;
      const how = { isolation: undefined, readOnly: false, bare, scripts: true };
      return topLevel(calls, again, how, work, onWait);
    },

    async sent(work) {
      const { unit } = scopes.of(undefined) as Scope;
      const statements: string[] = [];
      unit.statements = statements;
      try {
        await work();
      } finally {
        unit.statements = undefined;
      }
      return statements;
    },

    recorded: (work) => driver.record((native) => scopes.run(nowhere(), () => work(native))),

    async invalidIndexes(statements) {
      if (driver.invalidIndexes === undefined) return [];
      const operation = { operation: 'migrate', use: 'read', latest: true } as const;
      const text = statements.join('\n');
      const ask = async (session: unknown, call: DriverCall) => driver.invalidIndexes!(session, text, call);
      return calls.run(scopes.of(undefined), operation, undefined, ask);
    },
  };
}

function expectOutside({ scopes }: Calls, what: string): void {
  if (scopes.of(undefined) === undefined) return;
  throw databaseErrors.invalid_query(`${what} begin transactions of their own; run them outside of one.`);
}

async function lock(calls: Calls, scope: Scope, entity: string): Promise<void> {
  const { driver } = calls;
  const operation = { operation: 'migrate', entity, use: 'write' } as const;
  await calls.run(scope, operation, undefined, async (session, call) => {
    const waiting = waitingIn(scope, call);
    waiting.waitingFor = 'another process that migrates';
    scope.unit.unlock = await driver.lock(session, entity, waiting);
    waiting.waitingFor = undefined;
  });
}

/** The call, as part of its transaction: the time is that of the whole, which tells what it was waiting for. */
function waitingIn(scope: Scope, call: DriverCall): DriverCall {
  return {
    deadlineAt: call.deadlineAt,
    get signal() {
      return call.signal;
    },
    onStatement: call.onStatement,
    get waitingFor() {
      return scope.call.waitingFor;
    },
    set waitingFor(what) {
      scope.call.waitingFor = what;
    },
  };
}

/** A scope in which every call is refused. */
function nowhere(): Scope {
  const unit = new Unit(undefined);
  unit.state = 'ended';
  return {
    unit,
    parent: undefined,
    call: beginCall(undefined, Infinity, { operation: 'record' }),
    isolation: undefined,
    readOnly: true,
  };
}
