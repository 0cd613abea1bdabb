import { defineEntity } from '@ent/database';
import { openDatabase } from '@ent/database/open';
import { createTables } from '@ent/database/testing';
import { expect, it, onTestFinished } from 'vitest';
import { createThrottle } from '../../src/index.ts';
import { repositoryThrottleStore } from '../../src/stores.ts';
import { testThrottleStore } from '../../src/testing.ts';
import { onDatabases } from '../support/databases.ts';

const entity = defineEntity({
  name: 'login_attempts',
  fields: { id: 'string', arrival: 'string', expiresAt: 'date' },
});

onDatabases([entity], (opened) => {
  const make = () => repositoryThrottleStore(opened.db.repo(entity));
  testThrottleStore({ it }, { make });

  it('counts once for all who share it: of many attempts at once no more than the limit get through', async () => {
    const throttles = Array.from({ length: 3 }, () => createThrottle({ store: make(), timeout: '1m' }));
    const answers = await Promise.allSettled(
      Array.from({ length: 60 }, (_, n) => throttles[n % 3]!.attempt({ address: '192.0.2.1', account: 'ann' })),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'auth.too_many_attempts' });
  });

  it('keeps no address and no account', async () => {
    await createThrottle({ store: make() }).attempt({ address: '203.0.113.7', account: 'grace' });
    expect(JSON.stringify(await opened.db.repo(entity).find())).not.toMatch(/grace|203\.0\.113/);
  });

  it('lets who is given an attempt back in again, whichever process counted it', async () => {
    const [one, two] = [make(), make()];
    const rule = { burst: 1, intervalMs: 60_000 };
    const now = Date.UTC(2031, 0, 1);
    expect(await one.take('k', rule, now)).toMatchObject({ ok: true });
    expect(await two.take('k', rule, now)).toMatchObject({ ok: false, retryAfterMs: 60_000 });
    await two.give('k', rule, now);
    expect(await one.take('k', rule, now)).toMatchObject({ ok: true });
    await two.reset('k');
    expect(await one.take('k', rule, now)).toMatchObject({ ok: true });
  });
});

it('keeps no row for long', async () => {
  const db = await openDatabase('sqlite::memory:');
  onTestFinished(() => db.close());
  await createTables(db, entity);
  const store = repositoryThrottleStore(db.repo(entity));
  const rule = { burst: 2000, intervalMs: 1000 };
  const now = Date.UTC(2030, 0, 1);
  await store.take('over', rule, now);
  for (let n = 0; n < 1000; n++) await store.take('busy', rule, now + 3_600_000);
  await expect.poll(async () => (await db.repo(entity).find()).map(({ id }) => id)).toEqual(['busy']);
});
