import { acrossTenants, createDatabase, currentTenant, defineEntity, withTenant } from '@ent/database';
import { mongodb, watch } from '@ent/database/mongodb';
import { createTables } from '@ent/database/testing';
import { currentContext, outsideContext, runWithContext } from '@ent/internal';
import { describe, expect, it } from 'vitest';
import { memoryDatabase } from './fixtures/people.ts';

const notes = defineEntity({ name: 'notes', tenant: 'org', fields: { id: 'string', org: 'string' } });

describe('withTenant', () => {
  it('answers what the work answers, and throws what it throws', async () => {
    expect(withTenant('a', () => 1)).toBe(1);
    expect(await withTenant(7n, async () => currentTenant())).toBe(7n);
    expect(() =>
      withTenant('a', () => {
        throw new Error('of the work');
      }),
    ).toThrow('of the work');
    expect(() => withTenant('a', 1 as never)).toThrow(expect.objectContaining({ code: 'database.invalid_query' }));
    expect(() => acrossTenants(1 as never)).toThrow(expect.objectContaining({ code: 'database.invalid_query' }));
  });

  it('stays, and ends, with its work: timers, contexts of other packages, one in another', async () => {
    const seen: unknown[] = [];
    await withTenant('a', async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push(currentTenant());
      runWithContext({ requestId: 'r', tenantId: 'b' }, () => seen.push(currentTenant()));
      withTenant('b', () => seen.push(currentTenant()));
      acrossTenants(() => seen.push(currentTenant()));
      seen.push(currentTenant());
    });
    expect([...seen, currentTenant()]).toEqual(['a', 'a', 'b', undefined, 'a', undefined]);
  });

  it('is not lent to a generator, which runs for the tenant of who reads it', () => {
    const generators = [
      function* () {
        yield currentTenant();
      },
      async function* () {
        yield currentTenant();
      },
    ];
    for (const work of generators) {
      for (const wrong of [() => withTenant<unknown>('a', work), () => acrossTenants<unknown>(work)]) {
        expect(wrong).toThrow(expect.objectContaining({ code: 'database.invalid_query' }));
      }
    }
  });

  it('is no field of the context, for what logs or sends those', () => {
    runWithContext({ requestId: 'r' }, () =>
      withTenant('a', () => expect(JSON.stringify(currentContext())).toBe('{"requestId":"r"}')),
    );
  });

  it('is not enough for a change stream, which tells nothing of whose row is gone', async () => {
    const db = createDatabase({ driver: mongodb({ url: 'mongodb://localhost/notes' }) });
    const changes = (): Promise<unknown> => watch(db, notes, { after: 'no token' }).next();
    for (const refused of [changes(), withTenant('a', changes)]) {
      await expect(refused).rejects.toMatchObject({ code: 'database.tenant_missing' });
    }
    await expect(acrossTenants(changes)).rejects.toMatchObject({ code: 'database.invalid_cursor' });
    // The call counts, and not who takes the changes.
    const given = acrossTenants(() => watch(db, notes, { after: 'no token' }));
    await expect(given.next()).rejects.toMatchObject({ code: 'database.invalid_cursor' });
    await db.close();
  });

  it('counts for each database, and not where the context is lost', async () => {
    const [one, other] = [await memoryDatabase(), await memoryDatabase()];
    for (const db of [one, other]) await createTables(db, notes);
    await withTenant('a', async () => {
      for (const db of [one, other]) await db.repo(notes).insert({});
      await one.transaction(async (tx) => {
        const lost = outsideContext(() => tx.repo(notes).count());
        await expect(lost).rejects.toMatchObject({ code: 'database.tenant_missing' });
      });
    });
    expect(await acrossTenants(() => other.repo(notes).find())).toMatchObject([{ org: 'a' }]);
    for (const db of [one, other]) await db.close();
  });
});
