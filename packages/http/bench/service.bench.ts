// A whole service, read by a user with a token: the example of this repository, the same service on other frameworks,
// and the least that `node:http` can do. Each is a process of its own, the client is here. No request waits in the
// connection behind another one.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { benchBursts, type Child } from '../../../scripts/bench-bursts.ts';
import { type Served, Services } from '../../../scripts/bench-service.ts';
import { peers } from './service/servers.ts';
import { LIMIT, ORIGIN } from './service/work.ts';

type Subject = Child & Served;

const services = new Services();

async function startPeer(subject: string): Promise<Subject> {
  const child = fork(join(import.meta.dirname, 'service/servers.ts'), [subject, services.folder()]);
  services.add(child);
  const [served] = (await once(child, 'message')) as [Served];
  return { subject, child, ...served };
}

const settings = { RATE_LIMIT_PER_MINUTE: String(LIMIT), CORS_ORIGINS: ORIGIN };
const [raw, ...others] = await Promise.all(peers.map(startPeer));
await benchBursts<Subject>(
  'user-service: GET /api/v1/users/{id}',
  ({ path, token }) => `GET ${path} HTTP/1.1\r\nHost: a\r\nOrigin: ${ORIGIN}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  [raw as Subject, await services.userService('@ent user-service', settings), ...others],
  { connections: 64, perConnection: 1 },
);
process.exit();
