import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { afterEach, expect, it } from 'vitest';

const PROCESSES = 4;
const CALLERS = 10;
const script = join(import.meta.dirname, 'fixtures/lock-contender.ts');

describeWithServer('redis', (server) => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  it(`lets one of ${PROCESSES} processes with ${CALLERS} callers each in at a time, each with a larger fence`, async () => {
    const prefix = uniqueName('contended');
    children.push(
      ...Array.from({ length: PROCESSES }, () =>
        fork(script, [server.url, prefix, String(CALLERS)], {
          execArgv: ['--conditions=@ent/source'],
          stdio: 'inherit',
        }),
      ),
    );
    const says = async (child: ChildProcess, expected: string): Promise<void> => {
      const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
      expect(message).toBe(expected);
    };
    await Promise.all(children.map((child) => says(child, 'ready')));
    const ended = children.map((child) => says(child, 'done'));
    for (const child of children) child.send('go');
    await Promise.all(ended);

    const native = await createClient({ url: server.url }).connect();
    expect(Number(await native.get(`${prefix}-number`))).toBe(PROCESSES * CALLERS);
    const fences = (await native.lRange(`${prefix}-fences`, 0, -1)).map(Number);
    expect(new Set(fences).size).toBe(PROCESSES * CALLERS);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
    native.destroy();
  });
});
