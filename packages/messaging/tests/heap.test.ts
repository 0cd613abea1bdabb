import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const program = join(import.meta.dirname, 'fixtures', 'heap.ts');
const run = promisify(execFile);

describe('a subscription that handles one message at a time', () => {
  it.each(['retrying', 'plain'])('keeps nothing of what it has handled (%s broker)', async (broker) => {
    const { stdout } = await run(process.execPath, ['--expose-gc', '--conditions=@ent/source', program, broker]);
    // A promise that each message leaves a reaction on costs some 500.
    expect(Number(stdout)).toBeLessThan(50);
  });
});
