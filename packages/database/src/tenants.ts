import { kindOf } from '@ent/internal';
import { databaseErrors } from './errors.ts';
import { inScope, scopeHere } from './internal/tenancy.ts';

/** What tells tenants apart: a value of the field that an entity names as its `tenant`. */
export type Tenant = string | number | bigint;

/**
 * Runs `work` for one tenant, and everything it starts: callbacks, timers, promises. Of an entity with a `tenant`, the
 * calls of repositories see and change the rows of this one alone, on every database of the process. The tenant travels
 * with the asynchronous context, as a transaction does; the innermost counts.
 *
 * ```ts
 * import { createDatabase, defineEntity, withTenant } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 * import { createTables } from '@ent/database/testing';
 *
 * const fields = { id: 'string', org: 'string', text: 'string' } as const;
 * const notes = defineEntity({ name: 'notes', tenant: 'org', fields });
 * const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
 * await createTables(db, notes);
 * await withTenant('acme', () => db.repo(notes).insert({ text: 'ours' }));
 * console.log(await withTenant('acme', () => db.repo(notes).count())); // 1
 * console.log(await withTenant('other', () => db.repo(notes).count())); // 0
 * await db.close();
 * ```
 *
 * A generator runs where it is read: read it inside, or write `withTenant` into it.
 *
 * @param id not the empty text
 * @throws `database.tenant_missing` for an `id` that is none; `database.invalid_query` for a `work` that is a
 *   generator, nothing of which would run here
 */
export function withTenant<R>(id: Tenant, work: () => R): R {
  const isText = typeof id === 'string' && id !== '';
  if (!isText && typeof id !== 'bigint' && !Number.isSafeInteger(id)) {
    const got = id === '' ? 'an empty text' : kindOf(id);
    throw databaseErrors.tenant_missing(`withTenant: takes the id of a tenant, a text or a whole number; got ${got}.`);
  }
  return inScope({ id }, expectWork('withTenant', work));
}

/**
 * Runs `work` for all tenants, and everything it starts: repositories see and change the rows of each. For
 * administration, such as a nightly job; look for this name to find what may. An insert says whose row it is. What the
 * database guards itself, by row-level security, stays guarded.
 *
 * ```ts no-run
 * import { acrossTenants, type Repository } from '@ent/database';
 *
 * declare const notes: Repository<{ id: string; org: string }, { org: string }>;
 * console.log(await acrossTenants(() => notes.count()));
 * ```
 */
export function acrossTenants<R>(work: () => R): R {
  return inScope('all', expectWork('acrossTenants', work));
}

/** The tenant that {@link withTenant} has named around this call; undefined without one, and across tenants. */
export function currentTenant(): Tenant | undefined {
  const scope = scopeHere();
  return scope === 'all' ? undefined : scope?.id;
}

const GENERATORS: ReadonlySet<string> = new Set(['[object GeneratorFunction]', '[object AsyncGeneratorFunction]']);

function expectWork<R>(name: string, work: () => R): () => R {
  // It would run for the tenant of who reads it, and nobody would see that.
  if (GENERATORS.has(Object.prototype.toString.call(work))) {
    throw databaseErrors.invalid_query(
      `${name}: got a generator, which runs where it is read and not here; read it inside of a function.`,
    );
  }
  if (typeof work === 'function') return work;
  throw databaseErrors.invalid_query(`${name}: takes a function; got ${kindOf(work)}.`);
}
