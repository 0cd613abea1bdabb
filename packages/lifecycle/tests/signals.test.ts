import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { stopOnSignals } from '../src/index.ts';

const source = fileURLToPath(new URL('../src/index.ts', import.meta.url));
let child: ChildProcess | undefined;

async function run(
  stopBody: string,
): Promise<{ lines: string[]; line: (text: string) => Promise<void>; process: ChildProcess }> {
  const program = `
    import { createLifecycle, stopOnSignals } from ${JSON.stringify(source)};
    const app = createLifecycle().add('work', { stop: async () => { console.log('stopping'); ${stopBody} } });
    await app.start();
    stopOnSignals(app, { onStop: (event) => console.log(event.phase, event.signal, event.error ? 'error' : '') });
    setInterval(() => {}, 1000);
    console.log('ready');
  `;
  const started = spawn(process.execPath, ['--conditions=@ent/source', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  child = started;
  const lines: string[] = [];
  started.stdout?.setEncoding('utf8').on('data', (text: string) =>
    lines.push(
      ...text
        .trim()
        .split('\n')
        .map((l) => l.trim()),
    ),
  );
  const line = async (text: string): Promise<void> => {
    await expect.poll(() => lines).toContain(text);
  };
  await line('ready');
  return { lines, line, process: started };
}

afterEach(() => {
  child?.kill('SIGKILL');
});

describe('stopOnSignals', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops and exits 0 on %s though a timer is still running', async (signal) => {
    const app = await run('');
    app.process.kill(signal);
    expect(await once(app.process, 'exit')).toEqual([0, null]);
    expect(app.lines).toEqual(['ready', `begin ${signal}`, 'stopping', `end ${signal}`]);
  });

  it('exits 1 when a part does not stop', async () => {
    const app = await run('throw new Error("busy")');
    app.process.kill('SIGTERM');
    expect(await once(app.process, 'exit')).toEqual([1, null]);
    expect(app.lines.at(-1)).toBe('end SIGTERM error');
  });

  it('takes a signal that comes twice at once for one', async () => {
    const app = await run('await new Promise((done) => setTimeout(done, 300))');
    for (let i = 0; i < 5; i++) app.process.kill('SIGINT');
    expect(await once(app.process, 'exit')).toEqual([0, null]);
    expect(app.lines.at(-1)).toBe('end SIGINT');
  });

  it('exits at once on a later signal', async () => {
    const app = await run('await new Promise(() => {})');
    app.process.kill('SIGTERM');
    await app.line('stopping');
    const again = (): number | null => {
      app.process.kill('SIGTERM');
      return app.process.exitCode;
    };
    await expect.poll(again).toBe(143);
  });
});

it('is refused without a lifecycle, which would be missed at the first signal only', () => {
  const before = process.listenerCount('SIGTERM');
  expect(() => stopOnSignals(undefined as never)).toThrow(
    expect.objectContaining({ code: 'lifecycle.invalid_options' }),
  );
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
