import type { Database } from '../database.ts';
import { accounts, createAll } from './entities.ts';

/**
 * Moves money between two accounts for as long as the process lives, and writes a line to stdout after each commit. For
 * the process that {@link DatabaseStorage.spawnWriter} starts.
 */
export async function writeForever(db: Database): Promise<never> {
  await createAll(db);
  const repo = db.repo(accounts);
  for (const id of ['left', 'right']) await repo.upsert(['id'], { id, cents: 0n, moves: 0, rate: 0 });
  for (let amount = 1n; ; amount += 1n) {
    await db.transaction(async () => {
      await repo.update('left', { inc: { cents: -amount, moves: 1 } });
      await repo.update('right', { inc: { cents: amount, moves: 1 } });
    });
    process.stdout.write(`${amount}\n`);
  }
}
