import { ask, lineStartingWith } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe } from '../recipe.ts';

/** Memcached. It has no disk: after a restart it is empty. */
export const memcached: Recipe = {
  name: 'memcached',
  title: 'Memcached',
  programs: () => [findProgram('memcached')],
  installName: 'memcached',
  users: ['memcache', 'memcached'],
  stopSignal: 'SIGTERM',
  startTimeoutMs: 300_000,
  url: ({ host, port }) => `memcached://${host}:${port}`,
  command: (site) => ({
    file: findProgram('memcached') as string,
    args: ['-l', site.host, '-p', String(site.port), '-U', '0', '-v'],
  }),
  ping: (site) => ask(site, 'version\r\n', lineStartingWith('VERSION ')),
};
