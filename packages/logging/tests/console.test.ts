import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { textOf } from './fixtures/run.ts';

/** Runs a piece of a program; `logging` is the package. */
async function run(code: string, env: Record<string, string> = {}): Promise<{ stdout: string; stderr: string }> {
  const program = `import * as logging from '@ent/logging';\n${code}`;
  const { NO_COLOR: _1, FORCE_COLOR: _2, ...clean } = process.env;
  const child = spawn(process.execPath, ['--conditions=@ent/source', '--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    env: { ...clean, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([textOf(child.stdout), textOf(child.stderr), once(child, 'exit')]);
  return { stdout, stderr };
}

describe('the console', () => {
  it('gets JSON on standard output where that is no terminal', async () => {
    const { stdout, stderr } = await run(`logging.createLogger().info('hello', { a: 1 });`);
    expect(JSON.parse(stdout)).toMatchObject({ message: 'hello', 'labels.a': 1 });
    expect(stderr).toBe('');
  });

  it('can be standard error', async () => {
    const { stdout, stderr } = await run(
      `logging.createLogger({ sinks: [logging.consoleSink({ stream: 'stderr' })] }).info('hello');`,
    );
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toMatchObject({ message: 'hello' });
  });

  it.each([
    [{}, false],
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '0' }, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '' }, true],
  ])('has colours as the environment says: %j', async (env, expected) => {
    const { stdout } = await run(`logging.createLogger({ format: 'pretty' }).info('hello');`, env);
    expect(stdout.includes('\u001b[')).toBe(expected);
  });

  it('keeps the order of its lines and those of console.log, from one turn to the next', async () => {
    const { stdout } = await run(`
      const logger = logging.createLogger({ format: 'pretty' });
      for (let i = 0; i < 3; i++) {
        logger.info('logger ' + i);
        await logger.flush();
        console.log('console ' + i);
        await new Promise((resolve) => process.stdout.write('', resolve));
      }`);
    const order = Array.from(stdout.matchAll(/(logger|console) \d/g), ([match]) => match);
    expect(order).toEqual(['logger 0', 'console 0', 'logger 1', 'console 1', 'logger 2', 'console 2']);
  });

  it('writes lines that are logged while the process exits', async () => {
    const { stdout } = await run(`
      const logger = logging.createLogger({ format: 'json' });
      process.on('exit', () => logger.info('from an exit listener'));
      logger.info('before');
      process.exit(0);`);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { message: string }).message),
    ).toEqual(['before', 'from an exit listener']);
  });

  it('says nothing about a closed descriptor but in its numbers', async () => {
    const { stderr } = await run(`
      import { closeSync } from 'node:fs';
      const logger = logging.createLogger({ sinks: [logging.consoleSink()] });
      closeSync(1);
      logger.info('x');
      await logger.flush();
      logger.info('y');
      await logger.close();
      process.stderr.write(String(logger.stats().dropped));`);
    expect(stderr).toMatch(/"labels\.dropped":1,"labels\.reason":"sink_failed"\}\n2$/);
  });

  it('works in a worker thread, and when it is the last thing the worker does', async () => {
    const { stdout } = await run(`
      import { Worker, isMainThread } from 'node:worker_threads';
      const code = "import('@ent/logging').then(({ createLogger }) => { createLogger({ format: 'json' }).info('from a worker'); process.exit(0); })";
      new Worker(code, { eval: true });`);
    expect(JSON.parse(stdout)).toMatchObject({ message: 'from a worker' });
  });
});
