import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging, type Messaging } from '../../src/index.ts';
import { receivesOnceItIsThere } from './away.ts';
import { onStreams, publishUntil } from './redis-streams-support.ts';

/** A process of its own, with a fixture on the topic. */
function processWith(fixture: string, ...args: string[]): ChildProcess {
  const script = join(import.meta.dirname, '../fixtures', fixture);
  return fork(script, args, { execArgv: ['--conditions=@ent/source'], stdio: 'inherit' });
}

function says(child: ChildProcess, expected: unknown): Promise<void> {
  return new Promise((resolve) => child.on('message', (message) => message === expected && resolve()));
}

describeWithServer('redis', { killable: true }, (server) => {
  const setUp = onStreams(() => server.url);

  it('no message is lost when the server is killed under load', async () => {
    const { topic, messaging } = await setUp();
    const subscriber = createMessaging({ driver: redisStreams({ url: server.url, lease: 1000 }), timeout: '2m' });
    const handled = new Set<unknown>();
    const options = { group: 'g', concurrency: 5, maxAttempts: 100, backoff: { base: 20 } };
    await subscriber.subscribe(topic, options, ({ data }, { attempt }) => {
      // Half of them wait for their next try when it happens.
      if (Number(data) % 2 === 1 && attempt === 1) throw new Error('not yet');
      handled.add(data);
    });
    for (let kills = 0; kills < 2; kills++) {
      const before = handled.size;
      let isUp = false;
      const publishing = publishUntil(messaging, topic, () => isUp && handled.size > before + 200);
      await expect.poll(() => handled.size).toBeGreaterThan(before + 50);
      await server.kill();
      await server.start();
      isUp = true;
      const published = await publishing;
      await expect.poll(() => published.filter((n) => !handled.has(n))).toEqual([]);
    }
    await subscriber.close();
  });

  it('what a process held that was killed goes to another', async () => {
    const { topic, messaging } = await setUp({ lease: 5000 });
    const child = processWith('held-message.ts', server.url, topic);
    const holds = says(child, 5);
    await expect.poll(() => messaging.publish(topic, 0).then(({ status }) => status)).toBe('stored');
    await messaging.publishMany(
      topic,
      [1, 2, 3, 4].map((data) => ({ data })),
    );
    await holds;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    const seen: [unknown, number][] = [];
    await messaging.subscribe(topic, { group: 'g' }, ({ data }, { attempt }) => seen.push([data, attempt]));
    await expect
      .poll(() => seen)
      .toEqual([
        [0, 2],
        [1, 2],
        [2, 2],
        [3, 2],
        [4, 2],
      ]);
  });

  it('a late acknowledgement does not settle what another has by now', async () => {
    const { topic, messaging, native, stream } = await setUp({ lease: 5000 });
    const goesOn = join(mkdtempSync(join(tmpdir(), 'ent-late-')), 'now');
    const child = processWith('blocked-handler.ts', server.url, topic, goesOn);
    const [begun, closed] = [says(child, 'begun'), says(child, 'closed')];
    const publish = () => messaging.publish(topic, 1).then(({ status }) => status);
    await expect.poll(publish).toBe('stored');
    await begun;
    const seen: number[] = [];
    const late = Promise.withResolvers<void>();
    await messaging.subscribe(topic, { group: 'g' }, async (_message, { attempt }) => {
      seen.push(attempt);
      await late.promise;
    });
    await expect.poll(() => seen).toEqual([2]);
    writeFileSync(goesOn, '');
    await closed;
    rmSync(dirname(goesOn), { recursive: true });
    expect((await native.xPending(stream, 'g')).consumers).toMatchObject([{ deliveriesCounter: 1 }]);
    late.resolve();
    await expect.poll(async () => (await native.xPending(stream, 'g')).pending).toBe(0);
    expect(seen).toEqual([2]);
  });

  it('nothing hangs while the server stands still, and all goes on after it', async () => {
    const { topic } = await setUp();
    const make = (): Messaging =>
      createMessaging({ driver: redisStreams({ url: server.url, lease: 1000 }), timeout: '2m' });
    const [publisher, leaver, stayer] = [make(), make(), make()];
    const hurried = createMessaging({ driver: publisher.driver, timeout: '3s' });
    const handled = new Set<unknown>();
    await stayer.subscribe(topic, { group: 'g' }, ({ data }) => void handled.add(data));
    const leaving = await leaver.subscribe(topic, { group: 'g' }, ({ data }) => void handled.add(data));
    await publisher.publish(topic, 'before');
    await expect.poll(() => handled.size).toBe(1);
    await server.pause();
    try {
      const late = { code: 'messaging.timeout' };
      await Promise.all([
        expect(hurried.publish(topic, 'meanwhile')).rejects.toMatchObject(late),
        expect(hurried.ping()).rejects.toMatchObject(late),
        expect(hurried.subscribe(topic, { group: 'h' }, () => {})).rejects.toMatchObject(late),
      ]);
      await leaving.close({ timeout: 500 });
      await leaver.close({ timeout: 500 });
    } finally {
      await server.resume();
    }
    const publish = () => publisher.publish(topic, 'after').catch(() => ({ status: 'failed' }));
    await expect.poll(publish).toMatchObject({ status: 'stored' });
    await expect.poll(() => handled.has('after')).toBe(true);
    await Promise.all([publisher.close(), stayer.close()]);
  });

  it('who subscribes while the server is away receives once it is there', async () => {
    const { topic } = await setUp();
    await server.stop();
    const messaging = createMessaging({ driver: redisStreams({ url: server.url }), timeout: '1m' });
    await receivesOnceItIsThere(server, topic, messaging);
    await messaging.close();
  });

  it('a server that is away is told at once, and found when it is there', async () => {
    const { topic } = await setUp();
    await server.stop();
    const messaging = createMessaging({ driver: redisStreams({ url: server.url }), timeout: '1m' });
    const away = { code: 'messaging.unavailable' };
    await expect(messaging.connect()).rejects.toMatchObject(away);
    await expect(messaging.ping()).rejects.toMatchObject(away);
    // Or a timeout, where the deadline comes in the middle of a try.
    const untold = { code: expect.stringMatching(/^messaging\.(?:unavailable|timeout)$/) };
    const hurried = createMessaging({ driver: messaging.driver, timeout: '2s' });
    await expect(hurried.publish(topic, 1)).rejects.toMatchObject(untold);
    await server.start();
    const seen: unknown[] = [];
    const subscribe = () => messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
    await expect.poll(() => subscribe().then(Boolean, () => false)).toBe(true);
    await messaging.publish(topic, 1);
    await expect.poll(() => seen).toEqual([1]);
    await messaging.close();
  });
});
