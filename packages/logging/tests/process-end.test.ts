// Real processes that log 20,000 numbered lines and end. Each line must have arrived, or be counted as lost.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { filesIn, outcomeOf, Program, textOf, upTo } from './fixtures/run.ts';

// Each starts processes, on machines that may have other work.
vi.setConfig({ testTimeout: 120_000 });

const LINES = 20_000;
const all = { numbers: upTo(LINES), lost: 0 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ent-logging-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Starts the program and lets it end; `stdout` is read only from the
 * moment when all lines are logged: the pipe is full.
 */
async function runToPipe(
  options: object,
  act: (program: Program) => void,
): Promise<Program & { text: Promise<string> }> {
  const program = new Program('writer.ts', { to: 'stdout', lines: LINES, ...options });
  expect(await program.says()).toBe('logged');
  act(program);
  return Object.assign(program, { text: textOf(program.stdout) });
}

const goOn = (program: Program): void => void program.child.send('go on');
const terminate = (program: Program): void => void program.child.kill('SIGTERM');

describe('lines to a pipe whose reader is slow', () => {
  it.each([
    ['process.exit()', { end: 'exit' }, goOn, 0],
    ['an uncaught exception', { end: 'throw' }, goOn, 1],
    ['an unhandled rejection', { end: 'reject' }, goOn, 1],
    ['the last turn of the event loop', { end: 'return' }, goOn, 0],
    ['SIGTERM, by itself', { end: 'wait', signals: ['SIGTERM'] }, terminate, 'SIGTERM'],
    ['SIGTERM, where the application exits', { end: 'exit-on-sigterm', signals: ['SIGTERM'] }, terminate, 0],
  ])('all arrive before the end by %s', async (_, options, act, how) => {
    const program = await runToPipe(options, act);
    expect(outcomeOf(await program.text)).toEqual(all);
    expect(await program.ended).toBe(how);
  });

  it.each([
    ['', {}],
    [', though the logger was asked to flush at it too', { signals: ['SIGTERM'] }],
  ])('all arrive when the application closes the logger at SIGTERM, last words included%s', async (_, options) => {
    const program = await runToPipe({ end: 'close-on-sigterm', ...options }, terminate);
    expect(outcomeOf(await program.text)).toEqual({ numbers: upTo(LINES + 1), lost: 0 });
    expect(await program.ended).toBe(0);
  });

  it('all arrive when process.exit() comes in the very turn that logged', async () => {
    const program = new Program('writer.ts', { to: 'stdout', lines: LINES, end: 'exit-at-once' });
    expect(outcomeOf(await textOf(program.stdout))).toEqual(all);
    expect(await program.ended).toBe(0);
  });

  it('all arrive, in order, at a reader that takes a little at a time', async () => {
    const program = new Program('writer.ts', { to: 'stdout', lines: LINES, end: 'exit-at-once' });
    const chunks: Buffer[] = [];
    for await (const chunk of program.stdout) {
      chunks.push(chunk as Buffer);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(outcomeOf(Buffer.concat(chunks).toString())).toEqual(all);
  });

  it('all arrive in the pretty form, which takes several lines for a record', async () => {
    const program = await runToPipe({ end: 'exit', format: 'pretty' }, goOn);
    const numbers = (await program.text).split('\n').flatMap((line) => / n=(\d+)$/.exec(line)?.[1] ?? []);
    expect(numbers.map(Number)).toEqual(all.numbers);
  });

  it('are counted on standard error where the reader is stuck until time is up', async () => {
    const program = new Program('writer.ts', { to: 'stdout', lines: LINES, end: 'exit', flushTimeout: '100ms' });
    await program.says();
    goOn(program);
    expect(await program.ended).toBe(0);
    const outcome = outcomeOf(await textOf(program.stdout), await program.stderr);
    expect(outcome.numbers).toEqual(upTo(outcome.numbers.length));
    expect(outcome.lost).toBeGreaterThan(0);
    expect(outcome.numbers.length + outcome.lost).toBe(LINES);
  });

  it('are counted where they exceed the buffer, in the lines themselves once the reader is back', async () => {
    const program = await runToPipe({ end: 'exit', maxBuffer: 65_536 }, goOn);
    const { numbers, lost } = outcomeOf(await program.text, await program.stderr);
    expect(lost).toBeGreaterThan(0);
    expect(numbers.length + lost).toBe(LINES);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(await program.stderr).toBe('');
  });

  it('do not keep the process from its work: it logs on while nobody reads', async () => {
    const program = new Program('writer.ts', {
      to: 'stdout',
      lines: LINES,
      end: 'exit',
      burst: 100,
      maxBuffer: 65_536,
    });
    expect(await program.says()).toBe('logged');
    goOn(program);
    const { numbers, lost } = outcomeOf(await textOf(program.stdout), await program.stderr);
    expect(numbers.length + lost).toBe(LINES);
  });

  it('are given up for good when the reader goes away, without harm to the process', async () => {
    const program = new Program('writer.ts', { to: 'stdout', lines: LINES, end: 'exit', burst: 100 });
    program.stdout.destroy();
    await program.says();
    goOn(program);
    expect(await program.ended).toBe(0);
    const { lost } = outcomeOf('', await program.stderr);
    expect(lost).toBeGreaterThan(0);
  });
});

describe('lines to a file', () => {
  const toFile = { to: 'file', lines: LINES };

  it.each([
    ['process.exit()', { end: 'exit' }, goOn, 0],
    ['process.exit() in the same turn', { end: 'exit-at-once' }, undefined, 0],
    ['an uncaught exception', { end: 'throw' }, goOn, 1],
    ['SIGTERM, with nothing that listens', { end: 'wait' }, terminate, 'SIGTERM'],
    ['SIGTERM, by itself', { end: 'wait', signals: ['SIGTERM'] }, terminate, 'SIGTERM'],
    ['SIGKILL', { end: 'wait' }, (program: Program) => void program.child.kill('SIGKILL'), 'SIGKILL'],
  ])('are all there after the end by %s', async (_, options, act, how) => {
    const program = new Program('writer.ts', { ...toFile, path: join(folder, 'service.log'), ...options });
    if (act !== undefined) {
      await program.says();
      act(program);
    }
    expect(await program.ended).toBe(how);
    expect(outcomeOf(filesIn(folder).text)).toEqual(all);
  });

  it.each([
    ['all in one turn, then process.exit()', { end: 'exit-at-once' }, undefined],
    ['over many turns, then SIGTERM', { end: 'wait', burst: 100 }, terminate],
    ['over many turns, then an uncaught exception', { end: 'throw', burst: 7 }, goOn],
  ])('are all there with rotation, %s', async (_, options, act) => {
    const maxBytes = 50_000;
    const path = join(folder, 'service.log');
    const program = new Program('writer.ts', { ...toFile, path, maxBytes, keep: 1000, ...options });
    if (act !== undefined) {
      await program.says();
      act(program);
    }
    await program.ended;
    const { names, text } = filesIn(folder);
    expect(outcomeOf(text)).toEqual(all);
    expect(names.length).toBeGreaterThan(20);
    const sizes = names.map((name) => statSync(join(folder, name)).size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(maxBytes);
    // Full but for less than one line, and the last one.
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(maxBytes - 200);
  });
});

describe('an uncaught exception', () => {
  it('is logged as critical where that was asked for, and still ends the process as Node does', async () => {
    const program = await runToPipe({ lines: 1, end: 'throw', uncaught: true }, goOn);
    const last = JSON.parse((await program.text).trimEnd().split('\n').at(-1) as string) as Record<string, unknown>;
    expect(last).toMatchObject({
      'log.level': 'critical',
      message: 'uncaught exception',
      error: { type: 'Error', message: 'nobody catches this' },
    });
    expect(await program.ended).toBe(1);
    expect(await program.stderr).toContain('Error: nobody catches this');
  });
});
