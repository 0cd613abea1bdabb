import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { madeOnce } from '../src/made-once.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ent-made-'));
  vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

let made = 0;
/** Makes `name`, and answers what is in it, which tells by which call of the program it was made. */
async function make(name: string, ...args: string[]): Promise<string> {
  const target = join(folder, name);
  await madeOnce(target, { file: process.execPath, args: [`--into=${target}`, ...args] }, async () => {
    mkdirSync(join(target, 'deep'), { recursive: true });
    writeFileSync(join(target, 'deep', 'file'), `made ${++made}`);
  });
  return readFileSync(join(target, 'deep', 'file'), 'utf8');
}

it('is made once, and copied from then on; another command makes something else', async () => {
  const first = await make('a');
  writeFileSync(join(folder, 'a', 'deep', 'file'), 'changed');
  expect(await make('b')).toBe(first);
  const other = await make('c', '--other');
  expect(other).not.toBe(first);
  expect(await make('d', '--other')).toBe(other);
  expect(await make('e')).toBe(first);
});

it('is whole when several make it at once, and nothing else is kept', async () => {
  await Promise.all(['a', 'b', 'c', 'd'].map((name) => make(name)));
  const before = made;
  await make('e');
  expect(made).toBe(before);
  expect(readdirSync(join(folder, 'cache', 'ent', 'made'))).toHaveLength(1);
});

it('is made where nothing can be kept', async () => {
  writeFileSync(join(folder, 'cache'), 'no folder');
  expect(await make('a')).not.toBe(await make('b'));
});
