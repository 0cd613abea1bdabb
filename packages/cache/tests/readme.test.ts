import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { CacheFeatures } from '../src/driver.ts';
import { memcachedFeatures } from '../src/drivers/memcached.ts';
import { memoryFeatures } from '../src/drivers/memory.ts';
import { redisFeatures } from '../src/drivers/redis.ts';

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const table = /<!-- drivers:.*-->\n([\s\S]*?)<!-- \/drivers -->/.exec(readme)?.[1] ?? '';
const rows = new Map(
  table
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, name, ...rest]) => [name, rest]),
);

function cells(row: string): string[] {
  return (rows.get(row) ?? []).slice(0, 3);
}

const drivers: readonly CacheFeatures[] = [memoryFeatures, redisFeatures, memcachedFeatures];
const yes = (value: boolean): string => (value ? 'yes' : 'no');

function size(bytes: number | null): string {
  if (bytes === null) return 'no limit';
  return bytes % 2 ** 20 === 0 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 10} KiB`;
}

it('the table of drivers says what the feature objects say', () => {
  expect(cells('keeps')).toEqual(drivers.map(({ stores }) => stores));
  expect(cells('step of the TTL')).toEqual(
    drivers.map(({ ttlResolutionMs: step }) => (step === 1 ? '1 ms' : `1 ms (server: ${step / 1_000} s)`)),
  );
  expect(cells('largest value')).toEqual(drivers.map(({ maxValueBytes }) => size(maxValueBytes)));
  expect(cells('`when`, counters, `compareAndSet`, `touch`, tags')).toEqual(
    drivers.map(({ conditional }) => yes(conditional)),
  );
  expect(cells('`keys`, `clear` by scan')).toEqual(drivers.map(({ enumerate }) => yes(enumerate)));
  expect(cells('shared by processes')).toEqual(drivers.map(({ shared }) => yes(shared)));
});
