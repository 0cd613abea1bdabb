import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** Bytes of a module and all that it imports from here, minified and compressed. */
async function bytesOf(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: join(import.meta.dirname, '../src'), loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    conditions: ['@ent/source'],
    external: ['lru-cache', '@ent/errors'],
    write: false,
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

it('is under 21.5 kB with the memory driver, but for lru-cache and the errors that all packages share', async () => {
  const bytes = await bytesOf("export * from './index.ts'; export { memory } from './drivers/memory/index.ts';");
  expect(bytes).toBeLessThan(21_500);
  expect(bytes).toBeGreaterThan(6_000); // or something was left out
});
