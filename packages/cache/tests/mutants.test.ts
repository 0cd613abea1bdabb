// The conformance suite proves drivers; this proves the suite.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { mutants } from './fixtures/mutants.ts';

describe('the conformance suite', () => {
  /** The case that found each bug. */
  const found = new Map<string, string | undefined>();

  beforeAll(async () => {
    const child = fork(join(import.meta.dirname, 'fixtures/mutants.ts'), { execArgv: ['--conditions=@ent/source'] });
    child.on('message', ([name, by]: [string, string | undefined]) => found.set(name, by));
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  }, 600_000);

  it('passes a driver without a bug', () => {
    expect(found.has('no bug')).toBe(true);
    expect(found.get('no bug')).toBeFalsy();
  });

  it.each(Object.keys(mutants))('finds a driver that %s', (name) => {
    expect(found.get(name)).toBeTypeOf('string');
  });
});
