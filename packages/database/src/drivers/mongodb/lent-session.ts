import type { ClientSession } from 'mongodb';
import { databaseErrors } from '../../errors.ts';

/** What begins or ends a transaction, or the session that it is on. */
const CONTROL: ReadonlySet<string | symbol> = new Set<keyof ClientSession>([
  'startTransaction',
  'commitTransaction',
  'abortTransaction',
  'withTransaction',
  'endSession',
  Symbol.asyncDispose,
]);

/**
 * The session of a transaction of ours, as the application's own calls may have it: what was done would be stored or
 * gone by its hand, whatever the transaction comes to. The library takes it for the session, which its calls change.
 */
export function lentSession(session: ClientSession): ClientSession {
  return new Proxy(session, {
    get(target, name) {
      if (CONTROL.has(name)) return () => refuse(name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

function refuse(name: string | symbol): never {
  throw databaseErrors.unsupported(
    `native.run: a transaction is open, which ${typeof name === 'string' ? name : 'the disposal of its session'} would end or begin anew; it commits when its function resolves, and rolls back when that rejects.`,
  );
}
