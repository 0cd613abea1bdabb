// A bank of several processes whose server is killed in between: no money is lost or made, no transfer is made twice or
// not at all, and no caller sees a conflict.
import { once } from 'node:events';
import type { Server } from '@ent/testkit';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { createTables } from '@ent/database/testing';
import { expect } from 'vitest';
import { accounts, transfers } from '../fixtures/bank-entities.ts';
import { connect } from '../fixtures/connect.ts';
import { newDatabase } from '../fixtures/mysql.ts';
import { newSchema } from '../fixtures/postgres.ts';
import { runFixture } from '../fixtures/storage.ts';

const ACCOUNTS = 100;
const CENTS = 10_000;
const CALLERS = 2;

/** @param newPlace where the bank is, as the argument of a process */
function aBank(server: Server, newPlace: () => Promise<string>): void {
  itInDepth('the sum holds', { full: 20_000, ci: 2000, of: 'transfers' }, async ({ count, seed }) => {
    const [processes, kills] = count >= 20_000 ? [16, 5] : [4, 1];
    const place = await newPlace();
    const db = connect(place);
    await createTables(db, accounts, transfers);
    const opened = Array.from({ length: ACCOUNTS }, (_, n) => ({ id: `${n}`, cents: CENTS }));
    await db.repo(accounts).insertMany(opened);

    let done = 0;
    const each = `${count / processes / CALLERS}`;
    const workers = Array.from({ length: processes }, (_, n) =>
      runFixture('bank.ts', place, `${n}`, `${CALLERS}`, each, `${seed}`),
    );
    const ended = Promise.all(
      workers.map(async (worker) => {
        let told = '';
        worker.stdout.on('data', (chunk: Buffer) => void (done += chunk.length));
        worker.stderr.on('data', (chunk: Buffer) => void (told += chunk.toString()));
        await once(worker, 'close');
        if (worker.exitCode !== 0) throw new Error(`A process of the bank ended with ${worker.exitCode}: ${told}`);
      }),
    );
    try {
      for (let kill = 1; kill <= kills; kill += 1) {
        const least = (count * kill) / (kills + 1);
        const enough = async (): Promise<void> => {
          await expect.poll(() => done, { timeout: 3_000_000, interval: 20 }).toBeGreaterThan(least);
        };
        await Promise.race([enough(), ended]);
        await server.kill();
        await server.start();
      }
      await ended;
    } finally {
      for (const worker of workers) worker.kill('SIGKILL');
    }

    const balances = new Map(opened.map(({ id, cents }) => [id, cents]));
    let made = 0;
    for await (const { from, to, cents } of db.repo(transfers).stream()) {
      made += 1;
      balances.set(from, (balances.get(from) ?? 0) - cents);
      balances.set(to, (balances.get(to) ?? 0) + cents);
    }
    const found = await db.repo(accounts).find();
    expect([done, made]).toEqual([count, count]);
    expect(found.reduce((sum, { cents }) => sum + cents, 0)).toBe(ACCOUNTS * CENTS);
    expect(new Map(found.map(({ id, cents }) => [id, cents]))).toEqual(new Map([...balances].sort()));
    await db.close();
  });
}

describeWithServer('mariadb', { killable: true }, (server) => {
  aBank(server, async () => JSON.stringify({ driver: 'mysql', url: (await newDatabase(server.url)).url, max: 5 }));
});

describeWithServer('postgres', { killable: true }, (server) => {
  aBank(server, async () => JSON.stringify({ driver: 'postgres', ...(await newSchema(server.url)) }));
});
