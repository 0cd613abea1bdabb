// The examples together, in one terminal: `npm run demo`. Ctrl-C ends it, and nothing is left behind.
//
//   npm run demo              on what needs no server: SQLite, and memory
//   npm run demo -- --full    on PostgreSQL, Redis and RabbitMQ, as far as the machine has them
//   npm run demo -- --walk    does the printed walk itself, and ends
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { type Server, startServer } from '../packages/testkit/src/index.ts';
import { tracesEndpoint } from './demo/collector.ts';
import { Programs } from './demo/programs.ts';
import { ADMIN, startShop } from './demo/shop.ts';
import { paste, walkThrough } from './demo/walk.ts';

const COLORS = { 'user-service': 'cyan', provider: 'gray', 'order-service': 'yellow', gateway: 'magenta' } as const;
const WALK_MS = 60_000;

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    walk: { type: 'boolean', default: false },
    port: { type: 'string' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'ent-demo-'));
const servers: Server[] = [];
const programs = new Programs(folder, (name, line) => {
  const color = COLORS[name as keyof typeof COLORS];
  console.log(`${styleText(color, name.padEnd(13))} ${line}`);
});

/** Starts a server for `--full`; where it is not installed that is told, and what needs none stands in. */
async function backend(setting: string, name: 'postgres' | 'redis' | 'rabbitmq'): Promise<Record<string, string>> {
  if (!values.full) return {};
  try {
    const server = await startServer(name);
    servers.push(server);
    return { [setting]: server.url };
  } catch (error) {
    console.log(`without ${name}: ${(error as Error).message}`);
    return {};
  }
}

async function start(): Promise<string> {
  return startShop(programs, {
    port: values.port ?? (values.walk ? '0' : '8080'),
    shared: {
      LIVE_PORT: '0',
      OTEL_EXPORTER_OTLP_ENDPOINT: await tracesEndpoint(),
      ...(await backend('CACHE_URL', 'redis')),
      ...(await backend('BROKER_URL', 'rabbitmq')),
    },
    // A database is of one service.
    users: await backend('DATABASE_URL', 'postgres'),
    orders: await backend('DATABASE_URL', 'postgres'),
  });
}

async function stop(): Promise<void> {
  await programs.stop();
  await Promise.all(servers.map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
}

let asked = (): void => {};
const interrupted = new Promise<void>((resolve) => (asked = resolve));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, asked);

try {
  const gateway = await Promise.race([start(), interrupted]);
  if (gateway !== undefined) {
    const walk = walkThrough(gateway);
    if (values.walk) {
      const { output, code } = await paste(walk, WALK_MS);
      console.log(output);
      if (code !== 0) throw new Error('the walk did not come to its end');
      console.log('the walk came to its end');
    } else {
      console.log('\nPaste this into another terminal; the documents of all services are at %s/docs\n', gateway);
      for (const { title, lines } of walk) console.log(`${styleText('bold', `# ${title}`)}\n${lines.join('\n')}\n`);
      const pages = Array.from(programs.livePages, ([name, page]) => `${name} ${page}`);
      console.log('How they are, and which traces came through each: %s\n', pages.join(', '));
      console.log(`The administrator is ${ADMIN.email}, "${ADMIN.password}". Ctrl-C ends all of it.\n`);
      await Promise.race([interrupted, programs.untilOneEnds()]);
    }
  }
} catch (error) {
  console.error(`demo: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await stop();
}
// A server that was started keeps its own connection open.
process.exit();
