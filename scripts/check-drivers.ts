// The driver tables of the README files are made of the drivers' feature objects: `npm run check -- drivers --update` writes them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheFeatures } from '../packages/cache/src/driver.ts';
import { memcachedFeatures } from '../packages/cache/src/drivers/memcached.ts';
import { memoryFeatures } from '../packages/cache/src/drivers/memory.ts';
import { redisFeatures } from '../packages/cache/src/drivers/redis.ts';
import type { DatabaseFeatures } from '../packages/database/src/driver.ts';
import { features as sqliteFeatures } from '../packages/database/src/drivers/sqlite/features.ts';
import type { MessagingFeatures } from '../packages/messaging/src/driver.ts';
import { memory as memoryBroker } from '../packages/messaging/src/drivers/memory.ts';
import { bytes, renderTable, yesNo } from './lib/driver-table.ts';
import { type Finding, main } from './lib/findings.ts';
import { type Manifest, readJson } from './lib/workspace.ts';

const PLACE = /(<!-- drivers: .*-->\n)([\s\S]*?)(<!-- \/drivers -->)/;

/** By package. */
const TABLES: Readonly<Record<string, (manifest: Manifest) => string>> = {
  cache: ({ peerDependencies = {} }) =>
    renderTable<CacheFeatures>(
      { memory: memoryFeatures, redis: redisFeatures, memcached: memcachedFeatures },
      {
        stores: ['keeps', String],
        ttlResolutionMs: ['step of the TTL', (ms) => (ms === 1 ? '1 ms' : `1 ms (server: ${ms / 1_000} s)`)],
        maxValueBytes: ['largest value', bytes],
        conditional: ['`when`, counters, `compareAndSet`, `touch`, tags', yesNo],
        enumerate: ['`keys`, `clear` by scan', yesNo],
        shared: ['shared by processes', yesNo],
        // How reads are sent, not what they answer.
        joinsReads: undefined,
        tracks: ['`local` tier in front', yesNo],
      },
      [
        ['import', '`@ent/cache/memory`', '`@ent/cache/redis`', '`@ent/cache/memcached`'],
        ['needs', ...['lru-cache', 'redis', 'memcache-client'].map((name) => `${name} ${peerDependencies[name]}`)],
      ],
    ),
  database: () =>
    renderTable<DatabaseFeatures>(
      { sqlite: sqliteFeatures },
      {
        transactions: ['transactions', yesNo],
        savepoints: ['savepoints', yesNo],
        independentTransactions: ['independentTransactions', yesNo],
        isolation: ['isolation', (levels) => levels.join(', ')],
        readOnlyTransactions: ['readOnlyTransactions', yesNo],
        transactionalDdl: ['transactionalDdl', yesNo],
        foreignKeys: ['foreignKeys', yesNo],
        decimalOrder: ['decimalOrder', yesNo],
        exactUpsert: ['exactUpsert', yesNo],
        shared: ['shared', yesNo],
        cancelsRunning: ['cancelsRunning', yesNo],
      },
    ),
  messaging: () =>
    renderTable<MessagingFeatures>(
      { memory: memoryBroker().features },
      {
        durability: ['durability', String],
        shared: ['shared', yesNo],
        ordered: ['ordered', yesNo],
        delayedRetry: ['delayedRetry', yesNo],
        countsAttempts: ['countsAttempts', yesNo],
        maxMessageBytes: ['maxMessageBytes', bytes],
      },
    ),
};

export function checkDrivers(root: string, { update }: { update: boolean }): Finding[] {
  return Object.entries(TABLES).flatMap(([name, render]) => {
    const file = `packages/${name}/README.md`;
    const path = join(root, file);
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const place = PLACE.exec(text);
    if (!place) {
      const fix =
        'it begins with <!-- drivers: written by scripts/check-drivers.ts --> and ends with <!-- /drivers -->';
      return [{ file, problem: 'has no place for the table of drivers', fix }];
    }
    const [whole, before = '', table, after = ''] = place;
    const expected = render(readJson<Manifest>(join(root, `packages/${name}/package.json`)));
    if (table === expected) return [];
    if (update) {
      writeFileSync(
        path,
        text.replace(whole, () => before + expected + after),
      );
      return [];
    }
    const line = text.slice(0, place.index).split('\n').length;
    const problem = 'the table of drivers is not what their features say';
    return [{ file, line, problem, fix: 'npm run check -- drivers --update' }];
  });
}

if (import.meta.main) await main(checkDrivers);
