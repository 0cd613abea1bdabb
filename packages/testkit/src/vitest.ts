import { afterAll, beforeAll, describe } from 'vitest';
import { givenUrls, isRequired } from './environment.ts';
import type { ServerName, Servers } from './server.ts';
import { type StartOptions, startServer, whyMissing } from './start.ts';

export { itInDepth, type Round, type Rounds } from './it-in-depth.ts';
export { itInShares } from './it-in-shares.ts';
export { type Run, runHere } from './run-here.ts';

/** What a block of tests needs of its server. */
export interface ServerOptions extends StartOptions {
  /** The tests stop, kill or pause it: with a server given by URL the block is skipped, by name. Default: false. */
  readonly killable?: boolean;
}

/** Each server has a limit of its own, with a better message than the hook's. */
const START_TIMEOUT_MS = 600_000;

/**
 * A `describe` block with a real server, started before its tests and gone after them.
 *
 * Where the server is not installed the block is skipped, under a name that says how to install
 * it; with `ENT_TEST_REQUIRE` (`all`, or names with commas between them) it fails. Outside of
 * tests and hooks only `server.killable` can be read.
 *
 * @example
 * describeWithServer('redis', (server) => {
 *   it('counts', async () => {
 *     const client = await createClient({ url: server.url }).connect();
 *     expect(await client.incr(uniqueName('n'))).toBe(1);
 *     client.destroy();
 *   });
 *   it.runIf(server.killable)('comes back with its data after a crash', async () => {
 *     await server.kill();
 *     await server.start();
 *   });
 * });
 */
export function describeWithServer<Name extends ServerName>(name: Name, tests: (server: Servers[Name]) => void): void;
export function describeWithServer<Name extends ServerName>(
  name: Name,
  options: ServerOptions,
  tests: (server: Servers[Name]) => void,
): void;
export function describeWithServer<Name extends ServerName>(
  name: Name,
  ...rest: [(server: Servers[Name]) => void] | [ServerOptions, (server: Servers[Name]) => void]
): void {
  const [options, tests] = rest.length === 1 ? [{}, rest[0]] : rest;
  const byUrl = !options.args && givenUrls(name) !== undefined;
  const { server, stand } = standIn<Servers[Name]>(name, !byUrl);
  const required = isRequired(name);
  const reason = whyMissing(name, options);
  const skip = reason ?? (byUrl && options.killable ? 'a server given by URL cannot be killed' : undefined);
  // A required server that is missing is started all the same: the error of that is the failure.
  if (skip !== undefined && !(reason !== undefined && required)) {
    describe.skip(`${name} (skipped: ${skip})`, () => tests(server));
    return;
  }
  describe(name, () => {
    let started: Servers[Name] | undefined;
    beforeAll(async () => {
      started = await startServer(name, options);
      stand.for = started;
    }, START_TIMEOUT_MS);
    afterAll(() => started?.close());
    tests(server);
  });
}

/** An object that passes everything on to a server that starts later: tests are collected before any hook runs. */
function standIn<S extends object>(name: ServerName, killable: boolean): { server: S; stand: { for?: S } } {
  const stand: { for?: S } = {};
  const server = new Proxy({} as S, {
    get(_target, key) {
      if (key === 'killable') return killable;
      if (!stand.for) {
        throw new Error(
          `server.${String(key)} of "${name}" is known in tests and hooks, not while they are collected.`,
        );
      }
      const value: unknown = Reflect.get(stand.for, key, stand.for);
      return typeof value === 'function' ? (value.bind(stand.for) as unknown) : value;
    },
  });
  return { server, stand };
}
