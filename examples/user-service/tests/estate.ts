// Several instances of the service on one set of servers, each behind a proxy, and what goes wrong with those.
import type { FaultProxy, Server } from '@ent/testkit';
import { type Service, settings, start, temporaryFolder } from './service.ts';

export const PARTS = ['database', 'cache', 'broker'] as const;
export type Part = (typeof PARTS)[number];
/** Killed; stopped by SIGSTOP; or its network swallows everything. */
export const WAYS = ['kill', 'pause', 'dark'] as const;

/** Something that goes wrong with one part. */
export interface Fault {
  readonly part: Part;
  readonly way: (typeof WAYS)[number];
}

export const faultsOf = (part: Part): Fault[] => WAYS.map((way) => ({ part, way }));

/** What all instances stand on. */
export type Estate = Awaited<ReturnType<typeof openEstate>>;

/** @param more settings of the instances */
export async function openEstate(servers: Readonly<Record<Part, Server>>, more: Record<string, string> = {}) {
  const folder = temporaryFolder();
  const open = async (part: Part): Promise<[Part, FaultProxy]> => [part, await servers[part].proxy()];
  const proxies = Object.fromEntries(await Promise.all(PARTS.map(open))) as Record<Part, FaultProxy>;
  const env = settings(folder.path, {
    DATABASE_URL: `${proxies.database.url}?max=10`,
    CACHE_URL: proxies.cache.url,
    BROKER_URL: proxies.broker.url,
    TRUST_PROXIES: '127.0.0.1',
    ...more,
  });
  const running = new Set<Service>();

  return {
    /** Starts an instance, on a port that one had before or on a free one. */
    async start(port = '0'): Promise<Service> {
      const service = await start(folder.path, { ...env, PORT: port });
      running.add(service);
      service.process.once('exit', () => running.delete(service));
      return service;
    },
    async begin({ part, way }: Fault): Promise<void> {
      if (way === 'dark') proxies[part].blackhole();
      else await servers[part][way]();
    },
    async end({ part, way }: Fault): Promise<void> {
      if (way === 'dark') await proxies[part].heal();
      else if (way === 'pause') await servers[part].resume();
      else await servers[part].start();
    },
    async close(): Promise<void> {
      await Promise.all([...running].map((service) => service.kill()));
      folder.remove();
    },
  };
}
