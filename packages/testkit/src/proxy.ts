import { once } from 'node:events';
import { connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import { supervisor } from './supervisor/client.ts';

/**
 * A TCP proxy that misbehaves on demand. It forwards faithfully until told
 * otherwise; {@link heal} makes it faithful again.
 *
 * @example
 * const proxy = await server.proxy();
 * const client = connectTo(proxy.url);
 * proxy.blackhole();               // requests now hang
 * await proxy.heal();              // and go on where they were
 */
export interface FaultProxy {
  /** The server's URL with this proxy's address in it. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** How many clients are connected now. */
  readonly connections: number;
  /** How many clients have ever connected: it grows when a client reconnects. */
  readonly accepted: number;
  /** Delays all that the server answers by `ms` milliseconds; 0 ends it. */
  latency(ms: number): void;
  /** Cuts the open connections (the peers see a reset). New ones are welcome. */
  cut(): void;
  /** Cuts the open connections and refuses new ones (ECONNREFUSED), as a port does that nobody listens on. */
  refuse(): Promise<void>;
  /**
   * Stops forwarding in both directions while connections stay open, as when a firewall drops
   * every packet. As on a real network nothing is lost: what was sent meanwhile arrives after
   * `heal`. New clients can still connect, and then wait.
   */
  blackhole(): void;
  /**
   * New connections go to another server, as when a name or a service address moves. Those that are open stay where
   * they are.
   */
  moveTo(target: string): void;
  /** Ends latency, refusal and blackhole. */
  heal(): Promise<void>;
  /** Cuts the connections and frees the port. */
  close(): Promise<void>;
}

/** Starts a proxy on a free loopback port in front of `target`, the URL of any TCP server; it must name the port. */
export async function startProxy(target: string): Promise<FaultProxy> {
  const url = new URL(target);
  if (!url.port) throw new TypeError('startProxy needs a URL that names the port of the server.');
  // The reserved port stays ours while `refuse` does not listen on it.
  const own = supervisor();
  const { port, dir } = await own.reserve(undefined);
  const proxy = new TcpProxy(url, port, () => own.release(dir));
  await proxy.heal();
  return proxy;
}

class TcpProxy implements FaultProxy {
  readonly url: string;
  readonly host = '127.0.0.1';
  readonly port: number;
  #target: { readonly host: string; readonly port: number };
  #release: (() => Promise<void>) | undefined;
  readonly #links = new Set<Link>();
  readonly #weather: Weather = { latencyMs: 0, dark: false };
  #listener: NetServer | undefined;
  #accepted = 0;

  constructor(target: URL, port: number, release: () => Promise<void>) {
    this.#target = addressOf(target);
    this.port = port;
    this.#release = release;
    const url = new URL(target);
    url.hostname = this.host;
    url.port = String(port);
    this.url = url.href;
  }

  get connections(): number {
    return this.#links.size;
  }

  get accepted(): number {
    return this.#accepted;
  }

  latency(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`The latency is a number of milliseconds, not ${ms}.`);
    this.#weather.latencyMs = ms;
  }

  cut(): void {
    for (const link of this.#links) link.reset();
  }

  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    this.cut();
    if (!listener) return;
    const closed = once(listener, 'close');
    listener.close();
    await closed;
  }

  blackhole(): void {
    this.#weather.dark = true;
    for (const link of this.#links) link.pause();
  }

  moveTo(target: string): void {
    this.#target = addressOf(new URL(target));
  }

  async heal(): Promise<void> {
    this.#weather.latencyMs = 0;
    this.#weather.dark = false;
    for (const link of this.#links) link.resume();
    if (this.#listener) return;
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    this.#listener.listen(this.port, this.host);
    await once(this.#listener, 'listening');
  }

  async close(): Promise<void> {
    const release = this.#release;
    this.#release = undefined;
    await this.refuse();
    await release?.();
  }

  #accept(client: Socket): void {
    this.#accepted++;
    const link = new Link(client, connect({ ...this.#target, allowHalfOpen: true, noDelay: true }), this.#weather, () =>
      this.#links.delete(link),
    );
    this.#links.add(link);
    if (this.#weather.dark) link.pause();
  }
}

function addressOf(target: URL): { readonly host: string; readonly port: number } {
  return { host: target.hostname.replace(/^\[|\]$/g, ''), port: Number(target.port) };
}

/** What all connections of a proxy suffer at the moment. */
interface Weather {
  latencyMs: number;
  dark: boolean;
}

/** One client and its connection to the server. */
class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #ways: readonly OneWay[];

  constructor(client: Socket, upstream: Socket, weather: Weather, onClose: () => void) {
    this.#client = client;
    this.#upstream = upstream;
    this.#ways = [
      new OneWay(client, upstream, weather, () => 0),
      new OneWay(upstream, client, weather, () => weather.latencyMs),
    ];
    // A reset or refusal on one side is one on the other.
    client.on('error', () => upstream.resetAndDestroy());
    upstream.on('error', () => client.resetAndDestroy());
    const close = (): void => {
      client.destroy();
      upstream.destroy();
      onClose();
    };
    client.once('close', close);
    upstream.once('close', close);
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
  }

  pause(): void {
    this.#client.pause();
    this.#upstream.pause();
  }

  resume(): void {
    for (const way of this.#ways) way.flush();
    this.#client.resume();
    this.#upstream.resume();
  }
}

/** Moves bytes, and the end of the stream, in one direction: in order, each as late as it has to be. */
class OneWay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: Weather;
  readonly #queue: { due: number; readonly chunk: Buffer | undefined }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, weather: Weather, delayMs: () => number) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    const enqueue = (chunk: Buffer | undefined): void => {
      this.#queue.push({ due: performance.now() + delayMs(), chunk });
      this.#pump();
    };
    from.on('data', enqueue);
    from.on('end', () => enqueue(undefined));
  }

  /** Delivers what is held back, now. */
  flush(): void {
    for (const item of this.#queue) item.due = 0;
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    for (let item = this.#queue[0]; item && !this.#weather.dark; item = this.#queue[0]) {
      const early = item.due - performance.now();
      if (early > 0) {
        this.#timer = setTimeout(() => this.#pump(), early);
        return;
      }
      this.#queue.shift();
      this.#deliver(item.chunk);
    }
  }

  #deliver(chunk: Buffer | undefined): void {
    if (this.#to.destroyed) return;
    if (!chunk) {
      this.#to.end();
      return;
    }
    if (this.#to.write(chunk)) return;
    this.#from.pause(); // backpressure: a slow reader must not fill our memory
    this.#to.once('drain', () => {
      if (!this.#weather.dark) this.#from.resume();
    });
  }
}
