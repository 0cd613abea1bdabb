import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a program that serves, from the time that it says where until `use` is done.
 *
 * @param use gets the URL, and all that the program has said by then
 * @param where how it says where: the URL is its first group
 */
export async function whileServing<T>(
  program: string,
  args: readonly string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
  use: (url: string, said: string) => Promise<T>,
  where = /(http:\/\/127\.0\.0\.1:\d+)/,
): Promise<T> {
  // A group of its own: what npm puts before a program may be another program, which does not hand signals on.
  const service = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let said = '';
  try {
    const url = await new Promise<string>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        said += String(chunk);
        const [, found] = where.exec(said) ?? [];
        if (found !== undefined) resolve(found);
      };
      service.stdout.on('data', hear);
      service.stderr.on('data', hear);
      service.once('error', reject);
      service.once('exit', () => reject(new Error(`${[program, ...args].join(' ')} does not start:\n${said}`)));
    });
    return await use(url, said);
  } finally {
    if (service.pid !== undefined && service.exitCode === null && service.signalCode === null) {
      const gone = once(service, 'exit');
      process.kill(-service.pid, 'SIGTERM');
      await gone;
    }
  }
}
