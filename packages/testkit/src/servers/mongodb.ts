import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask } from '../probe.ts';
import type { Recipe, Site } from '../recipe.ts';

const SOURCE = fileURLToPath(new URL('../../ferretdb', import.meta.url));
const BINARY = join(SOURCE, 'bin', 'ferretdb');

/**
 * A stand-in for MongoDB: FerretDB on SQLite files, no password. It has no transactions, no change streams and only
 * simple unique indexes; for those give a real server in `ENT_TEST_MONGODB_URL`.
 */
export const mongodb: Recipe = {
  name: 'mongodb',
  title: 'FerretDB (the stand-in for MongoDB)',
  programs: () => [isBuilt() ? BINARY : undefined],
  installName: 'mongodb',
  users: [], // the binary lies in this repository, where another user may not get to
  stopSignal: 'SIGTERM',
  startTimeoutMs: 300_000,
  url: ({ host, port }) => `mongodb://${host}:${port}/test`,
  async prepare(site) {
    mkdirSync(dataOf(site));
  },
  command: (site) => ({ file: BINARY, args: ['-listen', `${site.host}:${site.port}`, '-data', dataOf(site)] }),
  ping: (site) => ask(site, helloMessage(), isReply),
};

function dataOf(site: Site): string {
  return join(site.dir, 'data');
}

/** `scripts/install-services.sh mongodb` builds it; one that is older than its source counts as not there. */
function isBuilt(): boolean {
  if (!existsSync(BINARY)) return false;
  const built = statSync(BINARY).mtimeMs;
  return ['main.go', 'front.go', 'go.mod', 'go.sum'].every((file) => statSync(join(SOURCE, file)).mtimeMs <= built);
}

/** `{ hello: 1, $db: 'admin' }` as an OP_MSG. https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ */
function helloMessage(): Buffer {
  const document = Buffer.from('\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0', 'latin1');
  const head = Buffer.alloc(21); // length, request id, response to, opcode; flags; section kind
  head.writeInt32LE(head.length + document.length, 0);
  head.writeInt32LE(OP_MSG, 12);
  return Buffer.concat([head, document]);
}

const OP_MSG = 2013;

function isReply(answer: Buffer): boolean {
  if (answer.length < 16 || answer.length < answer.readInt32LE(0)) return false;
  if (answer.readInt32LE(12) !== OP_MSG) throw new Error('it sent no OP_MSG');
  return true;
}
