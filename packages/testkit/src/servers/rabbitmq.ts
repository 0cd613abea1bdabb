import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ask } from '../probe.ts';
import { findProgram } from '../programs.ts';
import type { Recipe, Site } from '../recipe.ts';

/** RabbitMQ with the user `guest`, the password `guest` and the virtual host `/`; no plugins. */
export const rabbitmq: Recipe = {
  name: 'rabbitmq',
  title: 'RabbitMQ',
  programs: () => [serverProgram(), findProgram('epmd')],
  installName: 'rabbitmq',
  users: ['rabbitmq'],
  stopSignal: 'SIGTERM',
  startTimeoutMs: 300_000,
  url: ({ host, port }) => `amqp://guest:guest@${host}:${port}`,
  async prepare(site) {
    site.write('enabled_plugins', '[].');
    linkHome(site);
    // A nearly full disk must not block the publishers of a test.
    site.write('rabbitmq.conf', 'disk_free_limit.absolute = 1MB\n');
    // Erlang starts its port mapper as a daemon that outlives everything, unless there is one: this one is ours to end.
    await site.helper({
      file: findProgram('epmd') as string,
      args: ['-port', String(site.sidePorts[0]), '-address', site.host],
    });
  },
  command: (site) => ({
    file: serverProgram() as string,
    args: [],
    env: environmentOf(site),
  }),
  control: (site, args) => ({
    file: findProgram('rabbitmqctl', ['/usr/lib/rabbitmq/bin']) as string,
    args,
    env: environmentOf(site),
  }),
  ping: (site) => ask(site, 'AMQP\0\0\x09\x01', isConnectionStart),
};

function environmentOf(site: Site): Record<string, string> {
  return {
    ...(existsSync(scriptsOf(site)) && { RABBITMQ_SCRIPTS_DIR: scriptsOf(site) }),
    RABBITMQ_NODENAME: `ent${site.port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: site.host,
    RABBITMQ_NODE_PORT: String(site.port),
    RABBITMQ_DIST_PORT: String(site.sidePorts[1]),
    RABBITMQ_MNESIA_BASE: join(site.dir, 'data'),
    RABBITMQ_LOG_BASE: site.dir,
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: join(site.dir, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(site.dir, 'advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(site.dir, 'enabled_plugins'),
    RABBITMQ_CONF_ENV_FILE: join(site.dir, 'none'), // not the machine's /etc/rabbitmq/rabbitmq-env.conf
    ERL_EPMD_PORT: String(site.sidePorts[0]),
    ERL_EPMD_ADDRESS: site.host,
    // A scheduler of Erlang that has nothing to do spins for a while before it sleeps: of a start that is nearly half.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none',
  };
}

/**
 * A home of links to what is installed, without the plugins. Erlang looks for each of a thousand modules in the folder
 * of each plugin, enabled or not: a start asks 50,000 times for a file that is not there.
 */
function linkHome(site: Site): void {
  const installed = dirname(dirname(realpathSync(serverProgram() as string)));
  const plugins = join(installed, 'plugins');
  const own = existsSync(plugins) ? needed(plugins) : [];
  // In another form than this: then with all that is installed.
  if (own.length === 0) return;
  for (const folder of ['sbin', 'escript', 'plugins']) {
    mkdirSync(join(homeOf(site), folder), { recursive: true });
    const names = folder === 'plugins' ? own : readdirSync(join(installed, folder));
    for (const name of names) symlinkSync(join(installed, folder, name), join(homeOf(site), folder, name));
  }
}

/** The folders of the server itself and of what that needs, as their files `.app` tell: `rabbit-3.10.8`. */
function needed(plugins: string): readonly string[] {
  const folders = new Map(readdirSync(plugins).map((folder) => [folder.replace(/-[\d.]+$/, ''), folder]));
  const found = new Map<string, string>();
  const add = (name: string): void => {
    const folder = folders.get(name);
    if (folder === undefined || found.has(name)) return;
    found.set(name, folder);
    const app = readFileSync(join(plugins, folder, 'ebin', `${name}.app`), 'utf8');
    const [, applications = ''] = /\{applications,\s*\[([^\]]*)\]/.exec(app) ?? [];
    for (const [each] of applications.matchAll(/\w+/g)) add(each);
  };
  add('rabbit');
  return [...found.values()];
}

const homeOf = (site: Site): string => join(site.dir, 'home');
const scriptsOf = (site: Site): string => join(homeOf(site), 'sbin');

/**
 * Debian's /usr/sbin/rabbitmq-server is a wrapper for root and the user
 * rabbitmq alone: the script behind it comes first.
 */
function serverProgram(): string | undefined {
  return findProgram('rabbitmq-server', ['/usr/lib/rabbitmq/bin']);
}

/** A method frame (1) on channel 0 with class 10, method 10. AMQP 0-9-1, section 4.2. */
function isConnectionStart(answer: Buffer): boolean {
  if (answer.length < 11) return false;
  if (answer[0] !== 1 || answer.readUInt32BE(7) !== 0x000a_000a) throw new Error('it refused the protocol');
  return true;
}
