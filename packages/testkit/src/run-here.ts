import { vi } from 'vitest';

/** What a run of a program came to. */
export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs the `main` of a program in this process, which takes a hundredth of the time; one at a time, since what is
 * printed meanwhile is taken for what it prints.
 *
 * @param env variables that it reads; undefined for one that is not there
 */
export async function runHere(
  main: (argv: readonly string[]) => Promise<number>,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Run> {
  const said = { out: '', err: '' };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said.out += String(text)))),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((said.err += String(text)))),
  ];
  try {
    const code = await main(args);
    return { code, ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}
