import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** Something that a check does not accept. */
export interface Finding {
  /** Relative to the root of the repository. */
  readonly file: string;
  readonly line?: number | undefined;
  readonly problem: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** A check: looks at the repository at `root`, and answers what is wrong with it, or throws where it cannot look. */
export type Check = (root: string, options: { readonly update: boolean }) => Finding[] | Promise<Finding[]>;

/**
 * Runs a check as a program: `node scripts/check-layers.ts [--root DIR] [--update]`. Findings go to stdout as
 * `file:line problem`, with what to do on the next line; the exit code is 1 if there are any.
 */
export async function main(check: Check): Promise<void> {
  const { values } = parseArgs({ options: { root: { type: 'string' }, update: { type: 'boolean', default: false } } });
  const root = resolve(values.root ?? `${import.meta.dirname}/../..`);
  const findings = await check(root, { update: values.update });
  for (const { file, line, problem, fix } of findings) {
    console.log(
      `${line === undefined ? file : `${file}:${line}`}  ${problem}${fix === undefined ? '' : `\n    -> ${fix}`}`,
    );
  }
  if (findings.length > 0) process.exitCode = 1;
}
