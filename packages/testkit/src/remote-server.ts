import { variablesOf } from './environment.ts';
import { canConnect, until } from './probe.ts';
import { type FaultProxy, startProxy } from './proxy.ts';
import type { PgBouncer, RedisCluster, RedisSentinel, Replicated, Server, ServerName } from './server.ts';

/**
 * A server that `ENT_TEST_<NAME>_URL` names. It is somebody else's: it can
 * be used, and reached through a proxy, no more.
 */
export class RemoteServer
  implements
    Server,
    Omit<RedisCluster, keyof Server>,
    Omit<RedisSentinel, keyof Server>,
    Omit<PgBouncer, keyof Server>,
    Omit<Replicated, keyof Server>
{
  readonly name: ServerName;
  readonly url: string;
  readonly urls: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly killable = false;
  readonly nodes: readonly Server[] = [];
  readonly sentinels: readonly Server[] = [];
  readonly standbys: readonly Server[] = [];
  readonly #proxies: FaultProxy[] = [];

  constructor(name: ServerName, urls: readonly string[]) {
    this.name = name;
    this.urls = urls;
    this.url = urls[0] as string;
    const { hostname, port } = new URL(this.url);
    this.host = hostname.replace(/^\[|\]$/g, '');
    this.port = Number(port);
  }

  get direct(): Server {
    throw new Error(`${variablesOf(this.name).join(' or ')} names a pooler, not the server behind it.`);
  }

  get primaryNode(): Server {
    throw new Error(`${variablesOf(this.name).join(' or ')} names a server that is not ours to fail.`);
  }

  /** The sentinel URL may name the primary in its path, `redis://host:26379/mymaster`; else it is called `mymaster`. */
  get primaryName(): string {
    return new URL(this.url).pathname.slice(1) || 'mymaster';
  }

  /** Fails with the variable's name when nobody listens. */
  async reach(): Promise<this> {
    const what = `the server that ${variablesOf(this.name).join(' or ')} names is there`;
    await until(what, 5000, () => canConnect(this));
    return this;
  }

  stop(): Promise<void> {
    return this.#refuse('stopped');
  }

  kill(): Promise<void> {
    return this.#refuse('killed');
  }

  start(): Promise<void> {
    return this.#refuse('started');
  }

  restart(): Promise<void> {
    return this.#refuse('restarted');
  }

  pause(): Promise<void> {
    return this.#refuse('paused');
  }

  resume(): Promise<void> {
    return this.#refuse('resumed');
  }

  control(): Promise<void> {
    return this.#refuse('controlled');
  }

  primary(): Promise<Server> {
    return this.#refuse('asked for its nodes');
  }

  logTail(): string {
    return '';
  }

  async proxy(): Promise<FaultProxy> {
    const proxy = await startProxy(this.url);
    this.#proxies.push(proxy);
    return proxy;
  }

  async close(): Promise<void> {
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy.close()));
  }

  async #refuse(what: string): Promise<never> {
    throw new Error(
      `The ${this.name} server at ${this.host}:${this.port} was given by URL and cannot be ${what}; ask server.killable first.`,
    );
  }
}
