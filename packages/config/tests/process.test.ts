import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith } from './folder.ts';

const index = JSON.stringify(join(import.meta.dirname, '../src/index.ts'));
const zod = JSON.stringify(import.meta.resolve('zod'));

/** Runs a program in a folder with these files, with no other environment. */
function run(
  source: string,
  files: Record<string, string> = {},
  env: Record<string, string> = {},
  args: string[] = [],
) {
  const cwd = folderWith({
    ...files,
    'main.mts': `import * as config from ${index};\nimport { z } from ${zod};\n${source}`,
  });
  return spawnSync(process.execPath, ['--conditions=@ent/source', 'main.mts', ...args], { cwd, env, encoding: 'utf8' });
}

describe('a program', () => {
  it('reads .env of its working folder, the environment and its arguments; nothing is written to process.env, stdout or stderr', () => {
    const { status, stdout, stderr } = run(
      `const before = JSON.stringify(process.env);
       const settings = config.defineConfig(
         z.object({ port: z.number(), name: z.string(), level: z.string(), password: config.secret() }), { argv: true },
       ).get();
       const after = JSON.stringify(process.env);
       process.on('exit', () => process.stdout.write(JSON.stringify({ settings, same: before === after })));`,
      { '.env': 'PORT=1\nNAME=file', '.env.local': 'PORT=2\nPASSWORD=hunter2' },
      { NAME: 'environment', LEVEL: 'low' },
      ['--level', 'high'],
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      settings: { port: 2, name: 'environment', level: 'high', password: '***' },
      same: true,
    });
    expect(status).toBe(0);
  });

  it('ends with a report of its own making', () => {
    const { status, stdout, stderr } = run(
      `const app = config.defineConfig(z.object({ port: z.number(), key: config.secret(), cacheUrl: z.string().default('memory:') }));
       try {
         app.get();
       } catch (error) {
         process.stderr.write(error.message + '\\n');
         process.exitCode = 78;
       }`,
      { '.env': '\nPORT=http' },
      { CACHE_ULR: 'redis://u:hunter2@h' },
    );
    expect(stdout).toBe('');
    expect(stderr).toBe(
      `The configuration has 3 faults:
  CACHE_ULR (environment): unknown variable: did you mean CACHE_URL?
  PORT (.env:2): expected a number
  KEY (not set): required, expected text
`,
    );
    expect(status).toBe(78);
  });

  it('that prints its settings prints no secret', () => {
    const { stdout } = run(
      `const { password } = config.defineConfig(z.object({ password: config.secret() })).get();
       console.log(password, { password }, [password], \`\${password}\`, JSON.stringify({ password }));
       console.dir({ password }, { showHidden: true, depth: 9 });
       console.table([{ password }]);
       console.error(new Error('with', { cause: { password } }));
       console.log('%s %o %O %j', password, password, password, password);`,
      {},
      { PASSWORD: 'hunter2' },
    );
    expect(stdout).toContain('***');
    expect(stdout).not.toContain('hunter2');
  });
});
