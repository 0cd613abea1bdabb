import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { linkTools, makeTree, repository } from './support/tree.ts';

/** Starts vitest with the reporter on these test files. */
function start(files: Record<string, string>, ...args: string[]) {
  const reporter = join(repository, 'scripts/test-reporter.ts');
  const config = `export default { test: { reporters: ['default', '${reporter}'], include: ['*.test.ts'], pool: 'forks' } };\n`;
  const root = makeTree({ 'package.json': { type: 'module' }, 'vitest.config.js': config, ...files });
  linkTools(root);
  const env = Object.fromEntries(
    Object.entries({ ...process.env, NO_COLOR: '1' }).filter(([key]) => !key.startsWith('VITEST')),
  );
  const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // In which order the two arrive is not in which they were written.
  const output = { text: '', standard: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.text += text;
    output.standard += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.text += text));
  return { child, output, ended: once(child, 'close') as Promise<[number | null]> };
}

function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1);
}

const HEAD = "import { beforeAll, describe, expect, it } from 'vitest';\n";

describe('test reporter', () => {
  it('ends with one line, and names each skip with its reason', async () => {
    const { output, ended } = start({
      'a.test.ts': `${HEAD}
it('works', () => {});
it('fails', () => expect(1).toBe(2));
it.skip('rests', () => {});
it('gives up', ({ skip }) => skip('no network here'));
describe.skip('redis (skipped: redis-server is not installed)', () => {
  it('reads', () => {});
  it('writes', () => {});
});
`,
    });
    expect(await ended).toEqual([1, null]);
    expect(lastLine(output.standard)).toBe('tests: 1 passed, 1 failed, 4 skipped');
    expect(output.text).toContain('2 × a.test.ts > redis: redis-server is not installed\n');
    expect(output.text).toContain('1 × a.test.ts > rests: no reason given\n');
    expect(output.text).toContain('1 × a.test.ts > gives up: no network here\n');
  });

  it('begins with what it will run, and with the servers that are there for it', async () => {
    const server = (name: string): string => `// describeWithServer('${name}', () => {})\n`;
    const { output, ended } = start({
      'a.test.ts': `${HEAD}it('works', () => {});\n${server('redis')}${server('memcached')}${server('of-a-later-day')}`,
      'b.test.ts': `${HEAD}it('works', () => {});\n`,
    });
    expect(await ended).toEqual([0, null]);
    expect(output.text).toMatch(/^Test files: 2; \d+ at a time\.$/m);
    // Whichever of the two are installed here.
    expect(output.text).toMatch(/^Servers: (none|redis|memcached|redis, memcached)\.$/m);
  });

  it('exits with 0 when all passed', async () => {
    const { output, ended } = start({ 'a.test.ts': `${HEAD}it('works', () => {});\n` });
    expect(await ended).toEqual([0, null]);
    expect(lastLine(output.standard)).toBe('tests: 1 passed, 0 failed, 0 skipped');
    expect(output.text).not.toContain('Skipped:');
  });

  it('counts what fails outside of a test: a file that cannot be loaded, a hook, an error that nobody caught', async () => {
    const { output, ended } = start({
      'import.test.ts': "import './missing.js';\n",
      'hook.test.ts': `${HEAD}describe('a', () => { beforeAll(() => { throw new Error('no'); }); it('b', () => {}); });\n`,
      'stray.test.ts': `${HEAD}it('works', async () => { setTimeout(() => { throw new Error('late'); }); await new Promise((r) => setTimeout(r, 200)); });\n`,
    });
    expect(await ended).toEqual([1, null]);
    expect(lastLine(output.standard)).toBe('tests: 1 passed, 3 failed, 1 skipped');
  });

  it('says so when it is interrupted, with the counts so far and an exit code of its own', async () => {
    const { child, output, ended } = start({
      'a.test.ts': `${HEAD}it('works', () => {});\nit('hangs', () => { console.log('hanging'); return new Promise(() => {}); }, 600_000);\n`,
    });
    await vi.waitFor(() => expect(output.text).toContain('hanging'), { timeout: 100_000, interval: 20 });
    child.kill('SIGTERM');
    expect(await ended).toEqual([143, null]);
    expect(output.text).toContain('The run was interrupted');
    expect(lastLine(output.standard)).toMatch(/^tests: \d+ passed, 0 failed, 0 skipped$/);
  });
});
