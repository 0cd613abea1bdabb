import { type Database, defineEntity } from '@ent/database';
import { addressKey, idempotency, type Middleware } from '@ent/middleware';
import { repositoryIdempotencyStore } from '@ent/middleware/stores';

/** Answers to registrations that came with an `Idempotency-Key`. */
const registrationKeys = defineEntity({
  name: 'registration_keys',
  fields: { id: 'string', record: 'string', digest: 'string', expiresAt: 'date' },
});

/**
 * A registration that comes again with its `Idempotency-Key` is answered as it was, at any instance: without it, a
 * client that got no answer is told that the address is taken. No other request has its answer kept, since those have
 * tokens in them. The answers are beside the users, so that registrations need no cache.
 */
export function registeredOnce(db: Database): { middleware: Middleware; purge: () => Promise<unknown> } {
  const keys = db.repo(registrationKeys);
  return {
    middleware: idempotency({
      store: repositoryIdempotencyStore(keys),
      // The other methods of that path are refused, whatever comes with them.
      methods: ['POST'],
      scope: ({ path, peer }) => (isRegistration(path) ? addressKey(peer) : undefined),
      // Nobody tries for longer, and there is a name and an address in each.
      ttl: '1h',
    }),
    purge: () => keys.deleteMany({ where: { expiresAt: { lte: new Date() } } }),
  };
}

/** As the router reads a path: the slash at its end may be missing, and any character percent-encoded. */
function isRegistration(path: string): boolean {
  try {
    return /^\/api\/v1\/users\/?$/.test(decodeURI(path));
  } catch {
    return false;
  }
}
