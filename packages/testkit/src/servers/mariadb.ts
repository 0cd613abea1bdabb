import { join } from 'node:path';
import { ask } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe, Site } from '../recipe.ts';

/** MariaDB, which speaks MySQL's protocol, with the user `root`, no password, and the database `test`. */
export const mariadb: Recipe = {
  name: 'mariadb',
  title: 'MariaDB',
  programs: () => [findProgram('mariadbd'), findProgram('mariadb-install-db')],
  installName: 'mariadb',
  users: ['mysql'], // it refuses to run as root
  stopSignal: 'SIGTERM',
  startTimeoutMs: 300_000,
  url: ({ host, port }) => `mysql://root@${host}:${port}/test`,
  prepare: (site) =>
    site.make(dataOf(site), {
      file: findProgram('mariadb-install-db') as string,
      args: [
        '--no-defaults', // must be the first argument, here and below
        `--datadir=${dataOf(site)}`,
        '--auth-root-authentication-method=normal',
        '--skip-name-resolve',
        ...SMALL,
      ],
    }),
  command: (site) => ({
    file: findProgram('mariadbd') as string,
    args: [
      '--no-defaults',
      `--datadir=${dataOf(site)}`,
      `--bind-address=${site.host}`,
      `--port=${site.port}`,
      `--socket=${join(site.dir, 'mariadb.sock')}`,
      `--pid-file=${join(site.dir, 'mariadb.pid')}`,
      `--tmpdir=${site.dir}`,
      '--skip-name-resolve',
      '--character-set-server=utf8mb4',
      // 2: each commit is written to the page cache, which outlives a killed process, but not flushed to the disk.
      '--innodb-flush-log-at-trx-commit=2',
      // Nor is anything else, of which DDL has the most.
      '--innodb-flush-method=nosync',
      '--debug-no-sync',
      ...SMALL,
    ],
  }),
  ping: (site) => ask(site, '', isGreeting),
};

const SMALL = ['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=32M'];

function dataOf(site: Site): string {
  return join(site.dir, 'data');
}

/** The server speaks first: 4 bytes of packet header, then protocol version 10, or 255 for an error. */
function isGreeting(answer: Buffer): boolean {
  if (answer.length < 5) return false;
  if (answer[4] !== 10) throw new Error('it sent an error');
  return true;
}
