import { openDatabase } from '@ent/database/open';
import type { SqlNative } from '@ent/database/sql';
import { createTables } from '@ent/database/testing';
import { TOTP } from 'otpauth';
import { expect, it, onTestFinished } from 'vitest';
import { memoryThrottleStore, repositoryTotpStore } from '../../src/stores.ts';
import { testTotpStore } from '../../src/testing.ts';
import { createTotp } from '../../src/totp.ts';
import { secondFactors } from '../fixtures/stored-entities.ts';
import { onDatabases } from '../support/databases.ts';

onDatabases([secondFactors], (opened) => {
  testTotpStore({ it }, { make: () => repositoryTotpStore(opened.db.repo(secondFactors)) });

  it('of fifty uses at once of a code one is let, and of each recovery code too', async () => {
    let time = Date.UTC(2030, 0, 1);
    const totp = createTotp({
      store: repositoryTotpStore(opened.db.repo(secondFactors)),
      attempts: memoryThrottleStore(),
      limit: { attempts: 100, per: '1s' },
      issuer: 'Acme',
      secret: 's'.repeat(32),
      now: () => time,
    });
    const app = new TOTP({ secret: (await totp.enrol('ann', 'ann@example.com')).secret });
    const { recoveryCodes } = await totp.confirm('ann', app.generate({ timestamp: time }));
    time += 30_000;
    const code = app.generate({ timestamp: time });
    const tries = [
      ...Array.from({ length: 50 }, () => code),
      ...recoveryCodes.slice(0, 3),
      ...recoveryCodes.slice(0, 3),
    ];
    const answers = await Promise.allSettled(tries.map((one) => totp.verify('ann', one)));
    const made = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.method] : []));
    expect(made.toSorted()).toEqual(['otp', 'recovery', 'recovery', 'recovery']);
    expect(await totp.status('ann')).toEqual({ enrolled: true, recoveryCodesLeft: 7 });
  });
});

it('a table that takes no second row is told of, and not asked for ever', async () => {
  const db = await openDatabase<SqlNative>('sqlite::memory:');
  onTestFinished(() => db.close());
  await createTables(db, secondFactors);
  await db.native.kysely.schema.createIndex('one').unique().on('second_factors').column('revision').execute();
  const store = repositoryTotpStore(db.repo(secondFactors));
  const totp = createTotp({ store, attempts: memoryThrottleStore(), issuer: 'Acme', secret: 's'.repeat(32) });
  await totp.enrol('ann', 'ann');
  await expect(totp.enrol('bob', 'bob')).rejects.toMatchObject({ code: 'auth.store_failed' });
});
