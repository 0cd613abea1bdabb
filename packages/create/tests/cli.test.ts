import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = join(import.meta.dirname, '..', 'src', 'cli.ts');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ent-create-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Without a terminal, as in CI. */
function create(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const node = ['--conditions=@ent/source', program, ...args];
    execFile(process.execPath, node, { cwd: folder, env: { ...process.env, NODE_OPTIONS: '' } }, (error, out, err) =>
      resolve({ code: (error?.code as number | undefined) ?? 0, out, err }),
    );
  });
}

describe('create-ent', () => {
  it('writes what its flags say, and what to do next', async () => {
    const { code, out } = await create('shop', '--database', 'postgres', '--host=fastify', '--yes');
    expect(code).toBe(0);
    expect(out).toContain('cd shop\n  npm install\n  npm start');
    expect(readFileSync(join(folder, 'shop', 'src', 'http.ts'), 'utf8')).toContain("from 'fastify'");
    expect(readFileSync(join(folder, 'shop', 'compose.yaml'), 'utf8')).toContain('image: postgres');
  });

  it('tells its flags', async () => {
    const { code, out } = await create('--help');
    expect(code).toBe(0);
    expect(out).toMatch(/create-ent: /);
    expect(out).toMatch(/--database +sqlite, postgres, mysql, mongodb/);
  });

  it.each([
    [['a', '--databse', 'postgres'], 2, /databse/],
    [['a', '--database', 'oracle'], 2, /"oracle" is no database: there is sqlite, postgres, mysql, mongodb/],
    [['A Shop'], 2, /"A Shop" cannot be the name of a service/],
    [['a', 'b'], 2, /One folder/],
    [[], 2, /Name the folder/],
    [['a', '--database'], 2, /database/],
  ] as const)('refuses %j', async (args, status, text) => {
    const { code, err } = await create(...args);
    expect(err).toMatch(text);
    expect(code).toBe(status);
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });

  it('refuses a folder that has something in it, and names that', async () => {
    writeFileSync(join(folder, 'mine.txt'), '');
    const { code, err } = await create('.', '--name', 'shop');
    expect(code).toBe(1);
    expect(err).toContain('is not empty: it has mine.txt');
  });
});
