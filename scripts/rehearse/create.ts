import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eachTwoAnswers, readCreate, tryServices } from '../lib/created.ts';
import { mapLimited, run } from '../lib/run.ts';
import type { Registry } from './registry.ts';
import type { Report } from './report.ts';

/** From the typing of `npm create @ent` to the first answer. */
const FIRST_ANSWER_MS = 60_000;

/**
 * `npm create @ent` as people type it, without Docker: the first service until it answers, and a service for any two
 * answers, each with what npm installs for it, compiled and tested.
 */
export async function rehearseCreate(
  clone: string,
  dir: string,
  { registry, report, compiler }: { registry: Registry; report: Report; compiler: string },
): Promise<void> {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, '.npmrc'), registry.npmrc);
  const npm = async (cwd: string, ...args: string[]): Promise<void> => {
    const { code, output } = await run('npm', args, { cwd, timeoutMs: 5 * 60_000 });
    if (code !== 0) throw new Error(`npm ${args.join(' ')} fails:\n${output.trim().slice(-2000)}`);
  };
  const make = async (name: string, answers: Readonly<Record<string, string>>): Promise<void> => {
    const flags = Object.entries(answers).map(([question, answer]) => `--${question}=${answer}`);
    await npm(dir, 'create', '--yes', '@ent@latest', name, '--', ...flags, '--yes');
    writeFileSync(join(dir, name, '.npmrc'), registry.npmrc);
    await npm(join(dir, name), 'install', '--no-audit', '--no-fund', '--loglevel=error');
  };
  await report.attempt('npm create @ent: first 200 within a minute', 'the defaults', async () => {
    const began = Date.now();
    await make('first', {});
    await firstAnswer(join(dir, 'first'));
    const took = Date.now() - began;
    report.say(`the first answer of a new service came after ${(took / 1000).toFixed(1)} s`);
    return took <= FIRST_ANSWER_MS ? [] : [{ problem: `it took ${took} ms` }];
  });
  const services = eachTwoAnswers(await readCreate(clone)).map((answers, at) => ({ name: `service-${at}`, answers }));
  await mapLimited(services, 2, async ({ name, answers }) => {
    await report.attempt('npm create @ent: any two answers', Object.values(answers).join(', '), async () => {
      await make(name, answers);
      return (await tryServices([join(dir, name)], compiler)).map((problem) => ({ problem }));
    });
  });
}

/** Starts a service, waits until it is ready, and stops it. */
async function firstAnswer(cwd: string): Promise<void> {
  const child = spawn('node', ['src/main.ts'], {
    cwd,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let told = '';
    const url = await new Promise<string>((resolve, reject) => {
      child.once('error', reject).once('exit', () => reject(new Error(`the service ended:\n${told}`)));
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text;
        const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(told) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    const { status } = await fetch(`${url}/notes`);
    if (status !== 200) throw new Error(`GET /notes answers ${status}`);
  } finally {
    child.kill();
  }
}
