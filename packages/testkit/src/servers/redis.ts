import { ask, lineStartingWith } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe } from '../recipe.ts';

/** One Redis node. Writes survive a SIGKILL: the append-only file is written before each answer. */
export const redis: Recipe = {
  name: 'redis',
  title: 'Redis',
  programs: () => [findProgram('redis-server')],
  installName: 'redis',
  users: ['redis'],
  stopSignal: 'SIGTERM',
  startTimeoutMs: 30_000,
  url: ({ host, port }) => `redis://${host}:${port}`,
  command: (site) => ({
    file: findProgram('redis-server') as string,
    args: [
      ...['--bind', site.host, '--port', String(site.port), '--dir', site.dir],
      // Not fsync: the page cache outlives a killed process, and no test pulls the plug of the machine.
      ...['--appendonly', 'yes', '--appendfsync', 'no', '--save', ''],
      // Tests end with SIGKILL or a short SIGTERM; nobody waits for a replica then.
      ...['--shutdown-timeout', '0'],
    ],
  }),
  ping: (site) => ask(site, 'PING\r\n', lineStartingWith('+PONG')),
};
