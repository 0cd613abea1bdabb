// A MariaDB that is taken for a MySQL, which has no statement of several, nor RETURNING: what is written is read back
// step by step.
import { channels, createDatabase, type QueryOperation } from '@ent/database';
import { mysql, mysqlFeatures } from '@ent/database/mysql';
import { createTables, testDatabaseDriver } from '@ent/database/testing';
import { describeWithServer } from '@ent/testkit/vitest';
import { describe, expect, it } from 'vitest';
import { ask, newDatabase } from '../fixtures/mysql.ts';
import { ann, people } from '../fixtures/people.ts';

/** A driver whose sessions tell that they lead to MySQL. */
function inSteps(options: Parameters<typeof mysql>[0]): ReturnType<typeof mysql> {
  const driver = mysql(options);
  return {
    ...driver,
    async acquire(use, forTransaction, call) {
      const session = await driver.acquire(use, forTransaction, call);
      return Object.assign(session, { server: { ...session.server, product: 'MySQL' } });
    },
  };
}

describeWithServer('mariadb', (server) => {
  it('takes the steps of MySQL', async () => {
    const db = createDatabase({ driver: inSteps(await newDatabase(server.url).then(({ url }) => ({ url }))) });
    const sent: string[] = [];
    const asyncEnd = ({ statement = '' }: QueryOperation): void => void sent.push(statement.slice(0, 6));
    const listener = { start() {}, end() {}, asyncStart() {}, asyncEnd, error() {} };
    await createTables(db, people);
    await db.repo(people).insert(ann);
    channels.query.subscribe(listener);
    try {
      expect(await db.repo(people).update('ann', { set: { name: 'B' } })).toMatchObject({ name: 'B', version: 2 });
      expect(await db.repo(people).upsert(['email'], { ...ann, name: 'C' })).toMatchObject({ name: 'C', version: 3 });
    } finally {
      channels.query.unsubscribe(listener);
      await db.close();
    }
    // The last statement of each.
    expect(sent).toEqual(['select', 'select']);
  });

  describe('by the cases of the conformance suite that write', () => {
    const writing = /^(rows|ids|unique keys|soft delete|concurrency|storage)/;
    testDatabaseDriver(
      { it: (name, body) => (writing.test(name) ? it(`${name}`, body) : undefined) },
      {
        features: mysqlFeatures,
        async create() {
          const { name, ...place } = await newDatabase(server.url);
          return {
            connect: (options) => createDatabase({ ...options, driver: inSteps(place) }),
            remove: async () => void (await ask(server.url, `drop database ${name}`)),
          };
        },
      },
    );
  });
});
