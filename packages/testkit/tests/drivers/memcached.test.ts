import { MemcacheClient } from 'memcache-client';
import { expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

function openClient(url: string) {
  return new MemcacheClient({ server: { server: new URL(url).host, maxConnections: 1 } });
}

describeWithServer('memcached', { killable: true }, (server) => {
  it('answers its client, and is empty after a crash', async () => {
    const key = uniqueName('k');
    const before = openClient(server.url);
    await before.set(key, 'here', { lifetime: 60 });
    expect(await before.get(key)).toMatchObject({ value: 'here' });
    before.shutdown();

    await server.kill();
    await server.start();

    const after = openClient(server.url);
    expect(await after.get(key)).toBeUndefined();
    after.shutdown();
  });
});

describeWithServer('memcached', { args: ['-m', '2'] }, (server) => {
  it('is started with the arguments it is given', async () => {
    const client = openClient(server.url);
    const stats = await client.cmd<string>('stats settings');
    expect(JSON.stringify(stats)).toContain('"maxbytes","2097152"');
    client.shutdown();
  });
});
