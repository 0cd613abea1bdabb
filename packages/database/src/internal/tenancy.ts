import { currentContext, runWithContext } from '@ent/internal';
import type { Change, Condition, DriverAggregate, DriverCall, DriverQuery, DriverRows, Row } from '../driver.ts';
import type { EntityField, EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import { and, equals } from './conditions.ts';
import { invalidValue, issueOf } from './problems.ts';
import { storable } from './values.ts';

/** Whose rows are meant: those of one tenant, or, on purpose, of all. */
export type TenantScope = { readonly id: TenantId } | 'all';
type TenantId = string | number | bigint;

// In the context that all @ent packages share; a symbol, so that no header of a message and no field of a log is taken
// for it.
const KEY = Symbol.for('@ent/tenant@1');

/** What the asynchronous context says; undefined where it says nothing. */
export function scopeHere(): TenantScope | undefined {
  return (currentContext() as { readonly [KEY]?: TenantScope } | undefined)?.[KEY];
}

export function inScope<R>(scope: TenantScope | undefined, work: () => R): R {
  // What a stream asks for is mostly read where it was asked for.
  return scope === scopeHere() ? work() : runWithContext({ [KEY]: scope }, work);
}

/** The work, bound to the tenant around this call. */
export function inScopeOfNow<R>(work: () => R): () => R {
  const scope = scopeHere();
  return scope === undefined ? work : () => inScope(scope, work);
}

/**
 * The tenant whose rows of an entity are meant, as they have it; undefined for those of all.
 *
 * @throws `database.tenant_missing`; `database.invalid_value` for one that is none of this entity
 */
export function tenantOf(entity: EntityModel, scope: TenantScope | undefined): TenantId | undefined {
  if (scope === 'all') return undefined;
  if (scope === undefined) {
    throw databaseErrors.tenant_missing(
      `${entity.name}: the rows are those of tenants, and this call has none. Put it into withTenant(id, work), or acrossTenants(work) if all are meant.`,
      { details: { entity: entity.name } },
    );
  }
  try {
    return storable(fieldOf(entity), scope.id) as TenantId;
  } catch (error) {
    throw invalidValue(entity.name, [issueOf(error, [entity.tenant as string])]);
  }
}

/** What drivers do about the rows of an entity, as far as they are those of the tenant. */
export function rowsOfTenant(
  rows: DriverRows<unknown>,
  entity: EntityModel,
  scope: TenantScope | undefined,
): DriverRows<unknown> {
  const tenant = tenantOf(entity, scope);
  return tenant === undefined ? rows : new TenantRows(rows, entity, tenant);
}

/** Every condition that goes to the driver is also that of the tenant; rows to insert have it already. */
class TenantRows implements DriverRows<unknown> {
  readonly #rows: DriverRows<unknown>;
  readonly #isOurs: Condition;

  constructor(rows: DriverRows<unknown>, { tenant }: EntityModel, value: unknown) {
    this.#rows = rows;
    this.#isOurs = equals(tenant as string, value);
  }

  find(session: unknown, entity: EntityModel, query: DriverQuery, call: DriverCall) {
    return this.#rows.find(session, entity, { ...query, where: this.#ours(query.where) }, call);
  }

  count(session: unknown, entity: EntityModel, where: Condition, call: DriverCall) {
    return this.#rows.count(session, entity, this.#ours(where), call);
  }

  aggregate(session: unknown, entity: EntityModel, query: DriverAggregate, call: DriverCall) {
    return this.#rows.aggregate(session, entity, { ...query, where: this.#ours(query.where) }, call);
  }

  insert(session: unknown, entity: EntityModel, rows: readonly Row[], call: DriverCall) {
    return this.#rows.insert(session, entity, rows, call);
  }

  update(session: unknown, entity: EntityModel, where: Condition, change: Change, call: DriverCall) {
    return this.#rows.update(session, entity, this.#ours(where), change, call);
  }

  updateOne(session: unknown, entity: EntityModel, where: Condition, change: Change, call: DriverCall) {
    return this.#rows.updateOne(session, entity, this.#ours(where), change, call);
  }

  /** Its key has the tenant in it. */
  upsert(session: unknown, entity: EntityModel, key: readonly string[], row: Row, change: Change, call: DriverCall) {
    return this.#rows.upsert(session, entity, key, row, change, call);
  }

  delete(session: unknown, entity: EntityModel, where: Condition, call: DriverCall) {
    return this.#rows.delete(session, entity, this.#ours(where), call);
  }

  /** Not one "and" in another: what fixes an id is looked for in the first. */
  #ours(where: Condition): Condition {
    return and([this.#isOurs, ...(where.op === 'and' ? where.nodes : [where])]);
  }
}

function fieldOf({ fields, tenant }: EntityModel): EntityField {
  return fields.get(tenant as string) as EntityField;
}
