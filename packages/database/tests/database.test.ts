import { join } from 'node:path';
import { createDatabase, isUniqueViolation } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { sqlite } from '@ent/database/sqlite';
import { runInBareApp } from '@ent/testkit';
import { describe, expect, it } from 'vitest';
import { memoryDatabase, people, rejection } from './fixtures/people.ts';

describe('createDatabase', () => {
  it('refuses options that make no sense, and opens nothing before the first call', async () => {
    const driver = sqlite({ file: ':memory:' });
    for (const options of [{ timeout: 0 }, { timeout: Number.NaN }, { transactionTimeoutMs: -1 }, { retries: 0.5 }]) {
      expect(() => createDatabase({ driver, ...options })).toThrow(
        expect.objectContaining({ code: 'database.invalid_definition' }),
      );
    }
    const db = createDatabase({ driver });
    expect(db.stats()).toEqual({ total: 0, idle: 0, inUse: 0, waiting: 0 });
    await db.close();
  });

  it('tells a unique violation from everything else', async () => {
    const db = await memoryDatabase();
    const repo = db.repo(people);
    await repo.insert({ email: 'a' });
    const error = await rejection(repo.insert({ email: 'a' }));
    expect([isUniqueViolation(error), isUniqueViolation(error, 'email'), isUniqueViolation(error, 'name')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([isUniqueViolation(new Error('x')), isUniqueViolation(undefined)]).toEqual([false, false]);
    await db.close();
  });
});

describe('openDatabase', () => {
  it('names what is supported and repeats no part of a URL that may be secret', async () => {
    for (const url of ['oracle://ann:hunter2@db/x', 'mssql+x://ann:hunter2@db/x', 'hunter2', '', '://hunter2']) {
      const error = await rejection(openDatabase(url));
      expect(error.code).toBe('database.invalid_definition');
      expect(error.message).toContain(
        'openDatabase supports sqlite:, postgres:, postgresql:, mysql:, mariadb:, mongodb:, mongodb+srv: URLs',
      );
      expect(error.message).not.toContain('hunter2');
    }
  });

  it('refuses parameters and paths that it does not understand', async () => {
    for (const url of ['sqlite:', 'sqlite:x?cache=shared', 'sqlite:x?synchronous=off', 'sqlite:%zz', 'sqlite:file:x']) {
      expect((await rejection(openDatabase(url))).code).toBe('database.invalid_definition');
    }
  });

  it('rejects when the database does not answer', async () => {
    expect((await rejection(openDatabase('sqlite:/dev/null/x.db'))).code).toBe('database.unavailable');
  });

  it('opens a driver of others by the scheme that the application gives it', async () => {
    const drivers = { mine: async () => ({ openDriver: (url: string) => sqlite({ file: url.slice(5) }) }) };
    const db = await openDatabase('mine::memory:', { drivers, timeout: '5s' });
    expect(db.driver.name).toBe('sqlite');
    await db.close();
    expect((await rejection(openDatabase('other:', { drivers }))).message).toContain(
      'sqlite:, postgres:, postgresql:, mysql:, mariadb:, mongodb:, mongodb+srv:, mine: URLs',
    );
    for (const wrong of [{ mine: 'x' }, { mine: async () => ({}) }]) {
      const error = await rejection(openDatabase('mine:', { drivers: wrong as never }));
      expect(error.code).toBe('database.invalid_definition');
    }
  });

  it('names the package to install when the library of the driver is missing', () => {
    const printed = runInBareApp(
      join(import.meta.dirname, '..'),
      `import { openDatabase } from './src/open.ts';
       await openDatabase('sqlite::memory:').catch((error) => console.log(error.code, error.message));`,
    );
    expect(printed).toMatch(
      /^database\.invalid_definition sqlite: URLs need the package ([a-z0-9-]+), .* npm install \1\.\n$/,
    );
  });
});

describe('two databases', () => {
  it('do not join each other', async () => {
    const [left, right] = [await memoryDatabase(), await memoryDatabase()];
    await rejection(
      left.transaction(async () => {
        await right.repo(people).insert({ email: 'stays' });
        await left.repo(people).insert({ email: 'goes' });
        throw new Error('back');
      }),
    );
    expect([await left.repo(people).count(), await right.repo(people).count()]).toEqual([0, 1]);
    await left.close();
    await right.close();
  });
});
