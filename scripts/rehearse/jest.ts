import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../lib/run.ts';
import type { Package } from '../lib/workspace.ts';
import { installPublished } from './install.ts';
import type { Registry } from './registry.ts';
import type { Report } from './report.ts';

const GUIDE = 'docs/guides/typescript-jest-and-bundlers.md';

const TEST = `
import { createCache } from '@ent/cache';
import { memory } from '@ent/cache/memory';
import { generateKey } from '@ent/auth';
import { defineConfig } from '@ent/config';
import { createDatabase } from '@ent/database';
import { sqlite } from '@ent/database/sqlite';
import { NotFoundError } from '@ent/errors';
import { createListener, route } from '@ent/http';
import { createLogger } from '@ent/logging';
import { z } from 'zod';

it('works', async () => {
  const cache = createCache({ driver: memory(), ttl: '1m' });
  expect(await cache.getOrSet('a', async () => 1)).toBe(1);
  await cache.close();
  expect(defineConfig(z.object({ PORT: z.coerce.number() }), { env: { PORT: '1' }, dir: false }).get().PORT).toBe(1);
  expect(createListener([route({ method: 'GET', path: '/', responses: { 204: {} }, handler() {} })])).toBeDefined();
  expect(createLogger({ level: 'error' })).toBeDefined();
  expect(new NotFoundError('a').code).toBe('not_found');
  const db = createDatabase({ driver: sqlite({ file: ':memory:' }) });
  await db.ping();
  await db.close();
  expect(await (await generateKey()).pem).toMatch('PRIVATE KEY');
});
`;

/** The two ways that the guide has for Jest: with the flag of Node for modules, and with the settings that it shows. */
export async function rehearseJest(
  root: string,
  dir: string,
  packages: readonly Package[],
  { registry, report }: { registry: Registry; report: Report },
): Promise<void> {
  const [, shown = ''] = /^## Jest$[^]*?^```json\n([^]*?)^```$/m.exec(readFileSync(join(root, GUIDE), 'utf8')) ?? [];
  const settings = JSON.parse(shown) as { transform: object };
  const others = { jest: '^30.0.0', '@swc/jest': '^0.2.39', '@swc/core': '^1.15.0' };
  const installed = await report.attempt('Jest', 'install', async () => {
    await installPublished(dir, packages, { peers: ['lru-cache', 'kysely', 'better-sqlite3'] }, { registry, others });
    return [];
  });
  if (!installed) return;
  writeFileSync(join(dir, 'works.test.ts'), TEST);
  const ways = {
    '--experimental-vm-modules': { settings: { transform: settings.transform }, options: '--experimental-vm-modules' },
    transformIgnorePatterns: { settings, options: '' },
  };
  for (const [way, { settings: config, options }] of Object.entries(ways)) {
    await report.attempt('Jest', way, async () => {
      writeFileSync(join(dir, 'jest.config.json'), JSON.stringify(config));
      const env = { ...process.env, NODE_OPTIONS: options, CI: 'true' };
      const args = [join('node_modules', 'jest', 'bin', 'jest.js'), '--no-cache'];
      const { code, output } = await run(process.execPath, args, { cwd: dir, env, timeoutMs: 120_000 });
      return code === 0 && /Tests:\s+1 passed/.test(output) ? [] : [{ problem: output.trim() }];
    });
  }
}
