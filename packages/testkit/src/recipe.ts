import type { Program } from './supervisor/protocol.ts';
import type { ServerName } from './server.ts';

/** Where one server lives. */
export interface Site {
  readonly host: string;
  readonly port: number;
  /** Two more free ports, 5000 and 10000 above the first, for a cluster bus and the like. */
  readonly sidePorts: readonly [number, number];
  /** The server's own folder; it is removed at the end. */
  readonly dir: string;
  /** Writes a file of the server's folder, owned by the server's user, and tells its path. */
  write(name: string, text: string): string;
  /** Runs a program to its end as the server's user; throws with its output when it fails. */
  run(command: Command): Promise<void>;
  /** The same for a program that makes a folder, which is copied when it was made before. */
  make(folder: string, command: Command): Promise<void>;
  /** Starts a helper process that stays as long as the server's folder does, such as Erlang's port mapper. */
  helper(command: Command): Promise<void>;
}

/** What to execute. `env` is added to a small, fixed environment. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * How to run one kind of server from the machine's own binaries. What is the
 * same for all of them is in `local-server.ts`.
 */
export interface Recipe {
  readonly name: ServerName;
  /** The product's name, for people. */
  readonly title: string;
  /**
   * The programs it needs; the first is the server. Each is an absolute path, or undefined when it is not installed.
   */
  programs(): readonly (string | undefined)[];
  /** What `scripts/install-services.sh` calls it. */
  readonly installName: string;
  /** Users to run it as when we are root, the first that exists: several servers refuse root, none needs it. */
  readonly users: readonly string[];
  /** The signal for an orderly stop. */
  readonly stopSignal: NodeJS.Signals;
  /** How long a start may take, in milliseconds. */
  readonly startTimeoutMs: number;
  url(site: Site): string;
  /** Done once, before the first start: create the data, write the configuration. */
  prepare?(site: Site): Promise<void>;
  /** The server's command, for each start. */
  command(site: Site): Command;
  /** The server's own program for administrators, where it has one. */
  control?(site: Site, args: readonly string[]): Command;
  /** Talks to the server in its own protocol; throws until it is ready for clients. */
  ping(site: Site): Promise<unknown>;
}

/**
 * The environment that programs get: the caller's would bring its
 * NODE_OPTIONS, PG*, MYSQL_* and RABBITMQ_* settings along.
 */
export function programFor(command: Command, site: Pick<Site, 'dir'>, user: Program['user'], logFile: string): Program {
  return {
    file: command.file,
    args: command.args,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LANG: 'C',
      TZ: 'UTC',
      HOME: site.dir,
      TMPDIR: site.dir,
      ...command.env,
    },
    cwd: site.dir,
    logFile,
    user,
  };
}
