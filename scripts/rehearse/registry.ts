import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** As far as verdaccio is used here. */
interface Verdaccio {
  readonly runServer: (config: object) => Promise<Server>;
}

/** A registry on this machine that has nothing but what is published to it. */
export interface Registry {
  readonly url: string;
  /** The lines of an .npmrc that send the packages of the scope to it, and nothing else. */
  readonly npmrc: string;
  close(): void;
}

/** Starts one on a free port of the loopback interface, with its files in `dir`. */
export async function startRegistry(dir: string, scope: string, tool: (path: string) => string): Promise<Registry> {
  mkdirSync(dir, { recursive: true });
  const { runServer } = (await import(pathToFileURL(tool('verdaccio/build/index.js')).href)) as Verdaccio;
  const server = await runServer({
    configPath: join(dir, 'config.yaml'),
    storage: join(dir, 'storage'),
    // What others publish comes from the registry that is set on this machine, so nothing is passed on.
    uplinks: {},
    packages: { [`${scope}/*`]: { access: '$all', publish: '$all' } },
    auth: {},
    web: { enable: false },
    max_body_size: '50mb',
    log: { type: 'file', path: join(dir, 'log'), level: 'warn' },
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}/`,
    // npm does not publish without a token, and this registry takes any.
    npmrc: [`${scope}:registry=http://${host}/`, `//${host}/:${['_authToken', 'any'].join('=')}`, ''].join('\n'),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
