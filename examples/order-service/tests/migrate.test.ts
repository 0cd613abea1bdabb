import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runService } from '@ent/testkit';
import { expect, it, onTestFinished } from 'vitest';

const migrate = fileURLToPath(new URL('../src/migrate.ts', import.meta.url));

it('brings the database up to date and ends, for a job', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-order-service-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const url = `sqlite:${join(folder, 'orders.db')}`;
  for (const [DATABASE_URL, said, code] of [
    [url, /was brought up to date.*0001_orders/, 0],
    [url, /the database schema is up to date/, 0],
    ['memcached://x', /DATABASE_URL/, 78],
  ] as const) {
    const { process: child, output } = runService(migrate, { folder, env: { DATABASE_URL } });
    expect(await once(child, 'close')).toEqual([code, null]);
    expect(output()).toMatch(said);
  }
});
