import { inspect } from 'node:util';
import { type Condition, createDatabase, type DatabaseDriver, type DriverQuery, type Row } from '@ent/database';
import { sqlite, sqliteFeatures } from '@ent/database/sqlite';
import { type DatabaseHarness, testDatabaseDriver } from '@ent/database/testing';
import { describe, expect, it } from 'vitest';

// Each is a driver with one bug of a kind that real drivers have. A bug that the suite does not notice is a hole in the
// suite.

type Driver = DatabaseDriver;
type Mutate = (driver: Driver) => Partial<Driver>;

/** The same driver with every condition rewritten. */
function rewriting(rewrite: (node: Condition) => Condition): Mutate {
  const deep = (node: Condition): Condition => {
    if (node.op === 'and' || node.op === 'or') return rewrite({ ...node, nodes: node.nodes.map(deep) });
    if (node.op === 'not') return rewrite({ op: 'not', node: deep(node.node) });
    return rewrite(node);
  };
  return (driver) => ({
    find: (session, entity, query, call) => driver.find(session, entity, { ...query, where: deep(query.where) }, call),
    count: (session, entity, where, call) => driver.count(session, entity, deep(where), call),
  });
}

/** The same driver with every query rewritten. */
function querying(rewrite: (query: DriverQuery) => DriverQuery): Mutate {
  return (driver) => ({
    find: (session, entity, query, call) => driver.find(session, entity, rewrite(query), call),
  });
}

/** The same driver with every row that is read changed. */
function reading(change: (row: Row) => Row): Mutate {
  return (driver) => ({
    find: async (...call) => (await driver.find(...call)).map(change),
  });
}

const mapValues = (row: Row, map: (value: unknown) => unknown): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, map(value)]));

const mutants: Record<string, Mutate> = {
  'limit is ignored': querying(({ where, order, offset }) => ({ where, order, offset })),
  'offset is ignored': querying(({ where, order, limit }) => ({ where, order, limit })),
  'the order is ignored': querying((query) => ({ ...query, order: [] })),
  'the last field of the order is ignored': querying((query) => ({ ...query, order: query.order.slice(0, -1) })),
  'descending is ascending': querying((query) => ({
    ...query,
    order: query.order.map(({ field }) => ({ field, descending: false })),
  })),
  'null is greater than every value': (driver) => ({
    async find(session, entity, query, call) {
      const rows = await driver.find(session, entity, query, call);
      const field = query.order[0]?.field ?? 'id';
      const last = query.order[0]?.descending === true ? -1 : 1;
      return rows.sort((a, b) => last * (Number(a[field] === null) - Number(b[field] === null)));
    },
  }),
  'strings go by UTF-16': (driver) => ({
    async find(session, entity, query, call) {
      const rows = await driver.find(session, entity, query, call);
      if (query.order[0]?.field !== 'text' || query.limit !== undefined || query.order[0].descending) return rows;
      return rows.sort((a, b) => (((a['text'] ?? '') as string) < ((b['text'] ?? '') as string) ? -1 : 1));
    },
  }),
  "not is SQL's NOT": rewriting((node) =>
    node.op === 'not' && 'field' in node.node && node.node.op !== 'null'
      ? { op: 'and', nodes: [node, { op: 'not', node: { op: 'null', field: node.node.field } }] }
      : node,
  ),
  'ignoreCase is ignored': rewriting((node) => ('ignoreCase' in node ? { ...node, ignoreCase: false } : node)),
  'text is compared without case': rewriting((node) =>
    node.op === 'eq' && typeof node.value === 'string' ? { ...node, ignoreCase: true } : node,
  ),
  'accents are ignored': rewriting((node) =>
    node.op === 'eq' && node.value === 'á'
      ? { op: 'in', field: node.field, values: ['a', 'á'], ignoreCase: false }
      : node,
  ),
  'trailing spaces are ignored': rewriting((node) =>
    node.op === 'eq' && node.value === 'a'
      ? { op: 'in', field: node.field, values: ['a', 'a '], ignoreCase: false }
      : node,
  ),
  'contains takes _ for any character': rewriting((node) =>
    node.op === 'contains' && node.value === '_' ? { op: 'not', node: { op: 'null', field: node.field } } : node,
  ),
  'startsWith is contains': rewriting((node) => (node.op === 'startsWith' ? { ...node, op: 'contains' } : node)),
  'gt is gte': rewriting((node) => (node.op === 'gt' ? { ...node, op: 'gte' } : node)),
  'lt includes null': rewriting((node) =>
    node.op === 'lt' ? { op: 'or', nodes: [node, { op: 'null', field: node.field }] } : node,
  ),
  'in looks at the first value only': rewriting((node) =>
    node.op === 'in' ? { ...node, values: node.values.slice(0, 1) } : node,
  ),
  'a page begins after all rows that are equal to the last one': rewriting((node) =>
    node.op === 'or' ? { ...node, nodes: node.nodes.slice(0, 1) } : node,
  ),
  'or is and': rewriting((node) => (node.op === 'or' ? { ...node, op: 'and' } : node)),
  'count counts everything': (driver) => ({
    count: (session, entity, _where, call) => driver.count(session, entity, { op: 'all' }, call),
  }),
  'big integers go through a double': reading((row) =>
    mapValues(row, (value) => (typeof value === 'bigint' ? BigInt(Number(value)) : value)),
  ),
  'dates lose their milliseconds': reading((row) =>
    mapValues(row, (value) => (value instanceof Date ? new Date(Math.floor(value.getTime() / 1000) * 1000) : value)),
  ),
  'dates are read in a local time': reading((row) =>
    mapValues(row, (value) => (value instanceof Date ? new Date(value.getTime() - 5 * 3_600_000) : value)),
  ),
  'dates before whole-minute offsets lose their seconds': reading((row) =>
    mapValues(row, (value) =>
      value instanceof Date && value.getTime() < 0 ? new Date(Math.ceil(value.getTime() / 60_000) * 60_000) : value,
    ),
  ),
  'text is trimmed': reading((row) => mapValues(row, (value) => (typeof value === 'string' ? value.trimEnd() : value))),
  'null is left out of rows': reading((row) =>
    Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)),
  ),
  'the empty text is null': reading((row) => mapValues(row, (value) => (value === '' ? null : value))),
  'bytes come back as a Buffer': reading((row) =>
    mapValues(row, (value) => (value instanceof Uint8Array ? Buffer.from(value) : value)),
  ),
  'of many rows the last is lost': (driver) => ({
    insert: (session, entity, rows, call) =>
      driver.insert(session, entity, rows.length > 1 ? rows.slice(0, -1) : rows, call),
  }),
  'a taken key is passed over': (driver) => ({
    async insert(...call) {
      try {
        await driver.insert(...call);
      } catch (error) {
        if (driver.classify(error)?.code !== 'unique_violation') throw error;
      }
    },
  }),
  'only changed rows count as matched': (driver) => ({
    async update(session, entity, where, change, call) {
      const outcome = await driver.update(session, entity, where, change, call);
      return 'cents' in change.set ? { matched: 0 } : outcome;
    },
  }),
  'an update touches everything': (driver) => ({
    update: (session, entity, _where, change, call) => driver.update(session, entity, { op: 'all' }, change, call),
  }),
  'the version is not looked at': (driver) => ({
    updateOne: (session, entity, where, change, call) =>
      driver.updateOne(session, entity, withoutVersion(where), change, call),
  }),
  'the version is not looked at by deletes': (driver) => ({
    delete: (session, entity, where, call) => driver.delete(session, entity, withoutVersion(where), call),
  }),
  'increments are lost': (driver) => ({
    async updateOne(session, entity, where, change, call) {
      const [row] = await driver.find(session, entity, { where, order: [], limit: 1 }, call);
      await new Promise(setImmediate);
      const sums = Object.entries(change.add).map(([name, by]) => [name, (row?.[name] as number) + (by as number)]);
      const set = { ...change.set, ...Object.fromEntries(sums) };
      return driver.updateOne(session, entity, where, { set, add: {} }, call);
    },
  }),
  'an update answers the row from before': (driver) => ({
    async updateOne(session, entity, where, change, call) {
      const [row] = await driver.find(session, entity, { where, order: [], limit: 1 }, call);
      await driver.updateOne(session, entity, where, change, call);
      return row;
    },
  }),
  'an upsert changes nothing that exists': (driver) => ({
    upsert: (session, entity, key, row, _change, call) =>
      driver.upsert(session, entity, key, row, { set: { [key[0] as string]: row[key[0] as string] }, add: {} }, call),
  }),
  'an upsert acts on any key that is taken': (driver) => ({
    async upsert(session, entity, key, row, change, call) {
      try {
        return await driver.upsert(session, entity, key, row, change, call);
      } catch (error) {
        if (driver.classify(error)?.code !== 'unique_violation') throw error;
        for (const [field] of entity.unique) {
          const where = { op: 'eq', field: field as string, value: row[field as string], ignoreCase: false } as const;
          const changed = await driver.updateOne(session, entity, where, change, call);
          if (changed !== undefined) return changed;
        }
        throw error;
      }
    },
  }),
  'an upsert takes the id of the new row': (driver) => ({
    upsert: (session, entity, key, row, change, call) =>
      driver.upsert(session, entity, key, row, { ...change, set: { ...change.set, id: row['id'] } }, call),
  }),
  'an upsert brings a deleted row back as it was': (driver) => ({
    async upsert(session, entity, key, row, change, call) {
      const [field] = key as [string];
      const same: Condition = { op: 'eq', field, value: row[field], ignoreCase: false };
      const { deletedAt } = entity;
      if (deletedAt !== undefined) {
        await driver.update(session, entity, same, { set: { [deletedAt]: null }, add: {} }, call);
      }
      return driver.upsert(session, entity, key, row, change, call);
    },
  }),
  'the unique keys of deleted rows stay taken': (driver) => ({
    createTable: (session, entity, call) => driver.createTable(session, { ...entity, deletedAt: undefined }, call),
  }),
  'groups come without those of null': (driver) => ({
    async aggregate(session, entity, query, call) {
      const groups = await driver.aggregate(session, entity, query, call);
      return groups.filter((group) => query.by.every((name) => group[name] !== null));
    },
  }),
  'groups come in another order': (driver) => ({
    aggregate: async (...call) => [...(await driver.aggregate(...call))].reverse(),
  }),
  'sums go through a double': (driver) => ({
    async aggregate(...call) {
      const map = (value: unknown): unknown => (typeof value === 'bigint' ? BigInt(Number(value)) : value);
      return (await driver.aggregate(...call)).map((group) => mapValues(group, map));
    },
  }),
  'aggregates are of all rows': (driver) => ({
    aggregate: (session, entity, query, call) =>
      driver.aggregate(session, entity, { ...query, where: { op: 'all' } }, call),
  }),
  'counts of a field include null': (driver) => ({
    aggregate(session, entity, { values, ...query }, call) {
      const counts = values.map((value) => (value.op === 'count' ? { ...value, field: undefined } : value));
      return driver.aggregate(session, entity, { ...query, values: counts }, call);
    },
  }),
  'all fields are answered, whatever is selected': querying(({ fields: _fields, ...query }) => query),
  'the rows of all tenants are found': (driver) => ({
    find: (session, entity, query, call) =>
      driver.find(session, entity, { ...query, where: ofAllTenants(query.where) }, call),
  }),
  'the rows of all tenants are counted': (driver) => ({
    count: (session, entity, where, call) => driver.count(session, entity, ofAllTenants(where), call),
  }),
  'aggregates are of all tenants': (driver) => ({
    aggregate: (session, entity, query, call) =>
      driver.aggregate(session, entity, { ...query, where: ofAllTenants(query.where) }, call),
  }),
  'a row is changed for another tenant': (driver) => ({
    updateOne: (session, entity, where, change, call) =>
      driver.updateOne(session, entity, ofAllTenants(where), change, call),
  }),
  'rows are changed for all tenants': (driver) => ({
    update: (session, entity, where, change, call) => driver.update(session, entity, ofAllTenants(where), change, call),
  }),
  'rows are deleted for all tenants': (driver) => ({
    delete: (session, entity, where, call) => driver.delete(session, entity, ofAllTenants(where), call),
  }),
  'a key is that of all tenants': (driver) => ({
    async upsert(session, entity, key, row, change, call) {
      const rest = key.filter((name) => name !== entity.tenant);
      const where: Condition = { op: 'eq', field: rest[0] as string, value: row[rest[0] as string], ignoreCase: false };
      if (entity.tenant === undefined || rest.length !== 1)
        return driver.upsert(session, entity, key, row, change, call);
      const same = await driver.updateOne(session, entity, where, change, call);
      return same ?? driver.upsert(session, entity, key, row, change, call);
    },
  }),
  'rows are stored for another tenant': (driver) => ({
    insert(session, entity, rows, call) {
      const { tenant } = entity;
      const own = tenant !== undefined && typeof rows[0]?.[tenant] === 'string';
      return driver.insert(session, entity, own ? rows.map((row) => ({ ...row, [tenant]: 'ours' })) : rows, call);
    },
  }),
  'of a composite key only the first field counts': (driver) => ({
    updateOne: (session, entity, where, change, call) =>
      driver.updateOne(session, entity, where.op === 'and' ? (where.nodes[0] as Condition) : where, change, call),
  }),
  'rows come back in another order than they were given': (driver) => ({
    async insert(...call) {
      const stored = await driver.insert(...call);
      return stored && [...stored].reverse();
    },
  }),
  'what the database fills in is not read back': (driver) => ({
    async insert(...call) {
      await driver.insert(...call);
      return undefined;
    },
  }),
  'fields are stored under their own names': (driver) => ({
    createTable(session, entity, call) {
      const fields = [...entity.fields].map(([name, field]) => [name, { ...field, column: name }] as const);
      return driver.createTable(session, { ...entity, fields: new Map(fields) }, call);
    },
  }),
  'a delete answers 0': (driver) => ({
    async delete(...call) {
      await driver.delete(...call);
      return { matched: 0 };
    },
  }),
  'a delete removes everything': (driver) => ({
    delete: (session, entity, _where, call) => driver.delete(session, entity, { op: 'all' }, call),
  }),
  'a commit rolls back': (driver) => ({ commit: (...call) => driver.rollback(...call) }),
  'a rollback commits': (driver) => ({
    async rollback(...call) {
      await Promise.resolve(driver.commit(...call)).catch(() => {});
    },
  }),
  'a transaction is none': (driver) => ({
    begin() {},
    commit() {},
    savepoint() {},
    releaseSavepoint() {},
    rollbackTo() {},
    name: driver.name,
  }),
  'a savepoint is none': () => ({ savepoint() {}, releaseSavepoint() {}, rollbackTo() {} }),
  'rolling back to a savepoint forgets nothing': (driver) => ({
    rollbackTo: (...call) => driver.releaseSavepoint(...call),
  }),
  'a taken key is just a failed query': (driver) => ({
    classify(error) {
      const found = driver.classify(error);
      return found?.code === 'unique_violation' ? { code: 'query_failed' } : found;
    },
  }),
  'messages repeat what the statement bound': (driver) => ({
    insert(session, entity, rows, call) {
      try {
        return driver.insert(session, entity, rows, call);
      } catch (error) {
        throw Object.assign(error as Error, { message: `${String(error)}: ${Object.values(rows[0] ?? {}).join()}` });
      }
    },
  }),
  'every error is a conflict': (driver) => ({
    classify: (error) => (driver.classify(error) === undefined ? undefined : { code: 'deadlock' }),
  }),
  'who gives up stays in the queue': (driver) => ({
    acquire: (use, forTransaction) =>
      driver.acquire(use, forTransaction, { deadlineAt: Infinity, signal: new AbortController().signal }),
  }),
  'sessions are not given back after an error': (driver) => {
    let failed = false;
    return {
      rollback(...call) {
        failed = true;
        return driver.rollback(...call);
      },
      release(session, broken) {
        if (!failed) driver.release(session, broken);
      },
    };
  },
  'a transaction stays open on a session that goes back': (driver) => ({
    rollback() {},
    release: (session) => driver.release(session, false),
    commit() {},
  }),
};

function ofAllTenants(where: Condition): Condition {
  const isTenant = (node: Condition): boolean => node.op === 'eq' && node.field === 'org';
  if (where.op !== 'and') return isTenant(where) ? { op: 'all' } : where;
  // The first is that of the core.
  const at = where.nodes.findIndex(isTenant);
  const nodes = where.nodes.filter((_, index) => index !== at);
  return nodes.length > 1 ? { op: 'and', nodes } : (nodes[0] ?? { op: 'all' });
}

function withoutVersion(where: Condition): Condition {
  if (where.op !== 'and') return where;
  const nodes = where.nodes.filter((node) => !(node.op === 'eq' && node.field === 'version'));
  return nodes.length > 1 ? { op: 'and', nodes } : (nodes[0] as Condition);
}

/** @param timeout ends the calls that a bug leaves hanging */
function harnessOf(mutate: Mutate, timeout: number): DatabaseHarness {
  return {
    features: { ...sqliteFeatures, shared: false },
    create: async () => ({
      connect(options) {
        const driver = sqlite({ file: ':memory:' });
        return createDatabase({ ...options, timeout, driver: { ...driver, ...mutate(driver) } });
      },
      remove: async () => {},
    }),
  };
}

/** Bugs that show by nothing else than calls that wait for ever. */
const WAITING: ReadonlySet<string> = new Set([
  'who gives up stays in the queue',
  'sessions are not given back after an error',
]);

/**
 * Runs the suite case by case and answers the name of the first that fails.
 *
 * @param isWaiting whether a call that takes too long is such a failure
 */
async function firstFailure(mutate: Mutate, isWaiting: boolean, timeout = 1000): Promise<string | undefined> {
  const cases: [string, () => Promise<void>][] = [];
  const runner = {
    it: (name: string, body: () => Promise<void>) => cases.push([name, body]),
  };
  testDatabaseDriver(runner, harnessOf(mutate, timeout));
  const isLong = ([name]: [string, ...unknown[]]): boolean => /^(?:filters|windows)/.test(name);
  // The long ones last: most bugs are found without them.
  for (const [name, body] of [...cases.filter((each) => !isLong(each)), ...cases.filter(isLong)]) {
    try {
      await body();
    } catch (error) {
      if (isWaiting || !isLate(error)) return name;
    }
  }
  return undefined;
}

/** Whether it says, or was made of what says, that a call took too long: on a busy machine each may, bug or none. */
function isLate(error: unknown): boolean {
  return inspect(error, { depth: 8 }).includes('database.timeout');
}

describe('the conformance suite', () => {
  // Many cases, on a machine that may be busy.
  it('passes for the driver as it is', { timeout: 600_000 }, async () => {
    expect(await firstFailure(() => ({}), true, 60_000)).toBeUndefined();
  });

  // Cases come before it that have nothing to do with the bug.
  it.each(Object.keys(mutants))('notices that %s', { timeout: 600_000 }, async (name) => {
    expect(await firstFailure(mutants[name] as Mutate, WAITING.has(name))).toBeTypeOf('string');
  });
});
