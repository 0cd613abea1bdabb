// Pipes as a shell makes them, shared by several processes, and the lines of many requests at once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { outcomeOf, Program, textOf, upTo } from './fixtures/run.ts';

// Each starts processes, on machines that may have other work.
vi.setConfig({ testTimeout: 120_000 });

const writer = fileURLToPath(new URL('fixtures/writer.ts', import.meta.url));

/**
 * Runs a line of shell in which `"$@"` is the program; reads its output when
 * that many programs have logged all their lines.
 */
async function shell(line: string, options: object, programs = 1): Promise<string> {
  const program = [process.execPath, '--conditions=@ent/source', writer, JSON.stringify({ to: 'stdout', ...options })];
  const child = spawn('sh', ['-c', line, 'sh', ...program], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  child.stdout.on('readable', () => {});
  for await (const chunk of child.stderr) {
    programs -= String(chunk).split('logged\n').length - 1;
    if (programs <= 0) break;
  }
  const [text] = await Promise.all([textOf(child.stdout), ended]);
  return text;
}

describe('a pipe of the shell', () => {
  it('gets every line', async () => {
    const text = await shell('"$@" | cat', { lines: 20_000, end: 'return' });
    expect(outcomeOf(text)).toEqual({ numbers: upTo(20_000), lost: 0 });
  });

  it('that several processes share gets every line of each whole', async () => {
    const options = { lines: 3000, end: 'return', burst: 50 };
    const { numbers, lost } = outcomeOf(await shell('{ "$@" & "$@" & "$@" & wait; } | cat', options, 3));
    expect(lost).toBe(0);
    expect(numbers).toHaveLength(9000);
    const each = upTo(3000).map((n) => [n, n, n]);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(each.flat());
  });

  it('that closes early ends nothing but the lines', async () => {
    const text = await shell('"$@" | head -n 3', { lines: 20_000, end: 'return' });
    expect(outcomeOf(text).numbers).toEqual([0, 1, 2]);
  });
});

describe('100,000 lines of 1,000 concurrent requests, under backpressure', () => {
  it.each(['json', 'otel'])('none carries the id of another request (%s)', async (format) => {
    const program = new Program('requests.ts', { requests: 1000, lines: 100, format });
    // The pipe is full and the program has gone on when the first line is read.
    expect(await program.says()).toBe('under way');
    const text = await textOf(program.stdout);
    expect(await program.ended).toBe(0);
    const perRequest = new Map<string, number>();
    for (const line of text.trimEnd().split('\n')) {
      const record = JSON.parse(line) as Record<string, unknown>;
      const fields = (format === 'otel' ? record['attributes'] : record) as Record<string, unknown>;
      const id = fields['http.request.id'] as string;
      const expected = fields[format === 'otel' ? 'expected' : 'labels.expected'];
      if (id !== expected) expect(line).toBe(`a line of ${String(expected)}`);
      perRequest.set(id, (perRequest.get(id) ?? 0) + 1);
    }
    expect(perRequest.size).toBe(1000);
    expect(new Set(perRequest.values())).toEqual(new Set([100]));
  });
});
