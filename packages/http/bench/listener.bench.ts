// JSON over loopback: each server in a process of its own, the client here.
import { join } from 'node:path';
import { benchBursts, startServers } from '../../../scripts/bench-bursts.ts';
import { ORIGIN, person, subjects } from './servers.ts';

const requests = (head = ''): Record<string, string> => ({
  'GET, response schema': `GET /hello HTTP/1.1\r\nHost: a\r\n${head}\r\n`,
  'POST, body and response schema': `POST /people HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head}Content-Length: ${person.length}\r\n\r\n${person}`,
});

const children = await startServers(join(import.meta.dirname, 'servers.ts'), subjects);
const isUsual = (subject: string): boolean => subject.includes('usual');
const tables = [
  ...Object.entries(requests()).map(([name, request]) => ({
    name,
    request,
    ours: children.filter((c) => !isUsual(c.subject)),
  })),
  ...Object.entries(requests(`Origin: ${ORIGIN}\r\n`)).map(([name, request]) => ({
    name: `${name}, with request id, security headers, CORS and rate limit`,
    request,
    ours: children.filter(({ subject }) => subject === 'raw' || isUsual(subject)),
  })),
];
for (const { name, request, ours } of tables) await benchBursts(name, request, ours);
for (const { child } of children) child.disconnect();
process.exit();
