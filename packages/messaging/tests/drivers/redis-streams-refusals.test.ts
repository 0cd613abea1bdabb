// What a server refuses is not stored, for certain, and is told with the server's own words.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { createMessaging } from '../../src/index.ts';
import { onStreams } from './redis-streams-support.ts';

describeWithServer('redis', { killable: true }, (server) => {
  const setUp = onStreams(() => server.url);

  /** A group, and who publishes to it: with a connection that is there before any deadline counts. */
  async function topicWithGroup() {
    const { topic, driver, native, call, stream } = await setUp();
    await driver.ensure({ topic, group: 'g' }, call);
    const client = redisStreams({ url: server.url });
    const messaging = createMessaging({ driver: client, timeout: '1m' });
    const hurried = createMessaging({ driver: client, timeout: '4s' });
    await messaging.connect();
    const config = (name: string, value: string) => native.configSet(name, value);
    const connection = () => client.client.sendCommand<number>(['CLIENT', 'ID']);
    // A try that the deadline meets on its way may have been stored, and is told so: then we ask again.
    const refusal = () => expect.poll(() => hurried.publish(topic, 1).catch((error: unknown) => error));
    return { topic, messaging, native, config, connection, refusal, length: () => native.xLen(stream) };
  }

  it('a server with too few replicas is asked until the deadline, and then told', async () => {
    const { topic, messaging, config, refusal, length } = await topicWithGroup();
    await config('min-replicas-to-write', '1');
    await refusal().toMatchObject({
      code: 'messaging.unavailable',
      message: expect.stringMatching(/were not stored: redis-streams at \S+:\d+ is not available: NOREPLICAS /),
      cause: expect.objectContaining({ message: expect.stringMatching(/^NOREPLICAS/) }),
    });
    expect(await length()).toBe(0);
    const publishing = messaging.publish(topic, 2);
    await config('min-replicas-to-write', '0');
    expect(await publishing).toMatchObject({ status: 'stored' });
    expect(await length()).toBe(1);
    await messaging.close();
  });

  it('a server that became a replica is told, and left: its address may be that of another by now', async () => {
    const { topic, messaging, native, connection, refusal, length } = await topicWithGroup();
    const before = await connection();
    // Of a primary that is not there.
    await native.sendCommand(['REPLICAOF', '127.0.0.1', '1']);
    try {
      await refusal().toMatchObject({
        code: 'messaging.unavailable',
        message: expect.stringMatching(/were not stored: redis-streams at \S+:\d+ is not available: READONLY /),
      });
    } finally {
      await native.sendCommand(['REPLICAOF', 'NO', 'ONE']);
    }
    expect(await messaging.publish(topic, 2)).toMatchObject({ status: 'stored' });
    expect(await length()).toBe(1);
    expect(await connection()).not.toBe(before);
    await messaging.close();
  });

  it('a server that is full, or cannot save, is not asked again', async () => {
    const { topic, messaging, native, config, length } = await topicWithGroup();
    const refused = (code: string) => ({
      code: 'messaging.rejected',
      message: expect.stringMatching(new RegExp(`were not stored: redis-streams at \\S+:\\d+ refused: ${code} `)),
    });
    await config('maxmemory', '1');
    await expect(messaging.publish(topic, 1)).rejects.toMatchObject(refused('OOM'));
    await config('maxmemory', '0');
    // A directory that is not empty, in whose place no file can be put.
    const { dir, dbfilename } = await native.configGet(['dir', 'dbfilename']);
    mkdirSync(join(dir!, dbfilename!, 'in-the-way'), { recursive: true });
    await config('save', '3600 1');
    await native.bgSave();
    await expect
      .poll(() => native.info('persistence'))
      .toMatch(/rdb_bgsave_in_progress:0[^]*rdb_last_bgsave_status:err/);
    await expect(messaging.publish(topic, 2)).rejects.toMatchObject(refused('MISCONF'));
    await config('save', '');
    expect(await messaging.publish(topic, 3)).toMatchObject({ status: 'stored' });
    expect(await length()).toBe(1);
    await messaging.close();
  });
});
