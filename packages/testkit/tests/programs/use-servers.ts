// A test process to be killed: starts the servers it is told to, says where they are, and waits for its end.
import { startServer } from '../../src/index.ts';
import { SERVER_NAMES } from '../../src/server.ts';

const ports: number[] = [];
const names = process.argv.slice(3);
await Promise.all(
  SERVER_NAMES.filter((name) => names.includes(name)).map(async (name) => ports.push((await startServer(name)).port)),
);
process.stdout.write(`${JSON.stringify(ports)}\n`);

if (process.argv[2] === 'throw') throw new Error('a failed run');
if (process.argv[2] === 'exit') process.exit(3);
if (process.argv[2] === 'wait') setInterval(() => {}, 1000);
