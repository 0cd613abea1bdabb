// What a message costs on its way from publish to the end of its handler, in this process. Raw is the least that any
// broker with bytes inside must do: JSON both ways, and a turn of the event loop.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { bench } from '../../../scripts/bench.ts';
import { memory } from '../src/drivers/memory.ts';
import { createMessaging } from '../src/index.ts';

const data = { id: '0198c7a2-5b1e-7c3a-9f00-1c2d3e4f5a6b', email: 'ann@example.com', at: '2030-01-01T00:00:00.000Z' };
const messaging = createMessaging({ driver: memory(), source: 'bench' });
let handled = 0;
let wanted = 0;
let reached = (): void => {};
await messaging.subscribe('t', { group: 'g', concurrency: 100 }, () => {
  if (++handled === wanted) reached();
});

function until(count: number): Promise<void> {
  wanted = handled + count;
  return new Promise((resolve) => {
    reached = resolve;
  });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const roundtrip = (): unknown => JSON.parse(decoder.decode(encoder.encode(JSON.stringify(data))));

await bench('publish and handle one message', {
  raw: async () => {
    roundtrip();
    await nextTurn();
  },
  subjects: {
    '@ent': async () => {
      const done = until(1);
      await messaging.publish('t', data);
      await done;
    },
  },
});

const batch = Array.from({ length: 100 }, () => ({ data }));
await bench('publish and handle 100 messages', {
  raw: async () => {
    for (let n = 0; n < 100; n++) roundtrip();
    await nextTurn();
  },
  subjects: {
    '@ent': async () => {
      const done = until(100);
      await messaging.publishMany('t', batch);
      await done;
    },
    '@ent: 100 calls of publish': async () => {
      const done = until(100);
      await Promise.all(batch.map((item) => messaging.publish('t', item.data)));
      await done;
    },
  },
  perTurn: 10,
});

await bench('publish to nobody', {
  raw: () => encoder.encode(JSON.stringify(data)),
  subjects: { '@ent': () => messaging.publish('nowhere', data) },
});

/** Handlers that hold what they got until there is more: each time the oldest 100 go, and 100 come. */
async function backlogOf(count: number) {
  const broker = createMessaging({ driver: memory({ maxQueued: 2 * count }), source: 'bench' });
  let gate = Promise.withResolvers<void>();
  let full = Promise.withResolvers<void>();
  let held = 0;
  await broker.subscribe('t', { group: 'g', concurrency: 100 }, () => {
    if (++held === 100) full.resolve();
    return gate.promise;
  });
  for (let sent = 0; sent < count + 100; sent += 100) await broker.publishMany('t', batch);
  await full.promise;
  return async (): Promise<void> => {
    const last = gate;
    gate = Promise.withResolvers();
    full = Promise.withResolvers();
    held = 0;
    await broker.publishMany('t', batch);
    last.resolve();
    await full.promise;
  };
}

const backlogs: [string, () => Promise<void>][] = [];
for (const count of [1_000, 10_000, 100_000, 1_000_000]) {
  backlogs.push([`@ent: ${count.toLocaleString('en')} waiting`, await backlogOf(count)]);
}
await bench('publish and handle 100 messages, behind those that wait', {
  raw: async () => {
    for (let n = 0; n < 100; n++) roundtrip();
    await nextTurn();
  },
  subjects: Object.fromEntries(backlogs),
  perTurn: 10,
});

await messaging.close();
process.exit(0); // the backlogs stay
