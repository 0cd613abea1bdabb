import { startLocal } from '../local-server.ts';
import { ask } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe } from '../recipe.ts';
import type { PgBouncer, Server } from '../server.ts';
import { orClose, ServerGroup } from '../server-group.ts';
import { hasReadyForQuery, postgres, startupMessage } from './postgres.ts';

/** How many connections to the server all clients of one database and user share. */
const POOL_SIZE = 5;

const program = (): string | undefined => findProgram('pgbouncer');

/** PgBouncer in transaction mode, as the user `postgres`, in front of any database of `target`. */
function poolerOf(target: Pick<Server, 'host' | 'port'>): Recipe {
  return {
    name: 'pgbouncer',
    title: 'PgBouncer',
    programs: () => [program(), ...postgres.programs()],
    installName: 'pgbouncer',
    users: ['postgres'], // it refuses to run as root
    stopSignal: 'SIGINT',
    startTimeoutMs: 300_000,
    url: ({ host, port }) => `postgres://postgres@${host}:${port}/postgres`,
    async prepare(site) {
      site.write(
        'pgbouncer.ini',
        [
          '[databases]',
          `* = host=${target.host} port=${target.port} user=postgres`,
          '[pgbouncer]',
          `listen_addr = ${site.host}`,
          `listen_port = ${site.port}`,
          'unix_socket_dir =',
          'auth_type = any',
          'pool_mode = transaction',
          `default_pool_size = ${POOL_SIZE}`,
          'max_client_conn = 200',
          '',
        ].join('\n'),
      );
    },
    command: () => ({ file: program() as string, args: ['pgbouncer.ini'] }),
    ping: (site) => ask(site, startupMessage(), hasReadyForQuery),
  };
}

/** Exported for the question whether it is installed. */
export const pgbouncerNode = poolerOf({ host: '127.0.0.1', port: 0 });

/** Starts a PostgreSQL, and the pooler in front of it. `args` go to PostgreSQL. */
export async function startPgBouncer(args: readonly string[] = []): Promise<PgBouncer> {
  const direct = await startLocal(postgres, args);
  const members = [direct];
  await orClose(members, async () => {
    members.push(await startLocal(poolerOf(direct)));
  });
  const [, pooler] = members as [typeof direct, typeof direct];
  return Object.assign(new ServerGroup('pgbouncer', members, pooler, async () => {}), { direct });
}
