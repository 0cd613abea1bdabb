import { ask, lineStartingWith } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe } from '../recipe.ts';

/** One Redis server. */
export const redis: Recipe = redisNode('redis', 'Redis', []);

/** A Redis server with more lines in its configuration, as a part of something larger. */
export function redisNode(name: Recipe['name'], title: string, settings: readonly string[]): Recipe {
  return {
    name,
    title,
    programs: () => [serverProgram()],
    installName: 'redis',
    users: ['redis'],
    stopSignal: 'SIGTERM',
    startTimeoutMs: 300_000,
    url: ({ host, port }) => `redis://${host}:${port}`,
    async prepare(site) {
      // In a file and not on the command line, so that a sentinel can make
      // a change of roles permanent (CONFIG REWRITE).
      site.write(
        'redis.conf',
        [
          `bind ${site.host}`,
          `port ${site.port}`,
          `dir ${site.dir}`,
          // Each write reaches the page cache before its answer is sent, and that outlives a killed process.
          'appendonly yes',
          'appendfsync no',
          'save ""',
          'shutdown-timeout 0', // nobody waits for a replica at the end of a test
          ...settings,
          '',
        ].join('\n'),
      );
    },
    command: () => ({ file: serverProgram() as string, args: ['redis.conf'] }),
    ping: (site) => ask(site, 'PING\r\n', lineStartingWith('+PONG')),
  };
}

export function serverProgram(): string | undefined {
  return findProgram('redis-server');
}
