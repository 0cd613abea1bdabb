import { createClient } from 'redis';
import { beforeEach, expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

async function openClient(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on('error', () => {}); // the server dies on purpose
  return client.connect();
}

describeWithServer('redis', { killable: true }, (server) => {
  beforeEach(async () => {
    await server.resume();
    await server.start();
  });

  it('answers its client', async () => {
    const client = await openClient(server.url);
    const key = uniqueName('n');
    expect(await client.incr(key)).toBe(1);
    client.destroy();
  });

  it.each(['stop', 'kill'] as const)('has its data on the same port after %s and start', async (how) => {
    const key = uniqueName('kept');
    const { url } = server;
    const before = await openClient(url);
    await before.set(key, 'here');

    await server[how]();
    await expect(openClient(url)).rejects.toThrow('ECONNREFUSED');
    await server.start();

    expect(server.url).toBe(url);
    const after = await openClient(url);
    expect(await after.get(key)).toBe('here');
    after.destroy();
  });

  it('breaks the open connections when it is killed', async () => {
    const client = await openClient(server.url);
    const closed = new Promise<Error>((resolve) => client.once('error', resolve));
    await server.kill();
    expect((await closed).message).toContain('Socket closed unexpectedly');
  });

  it('answers nothing while it is paused and everything after', async () => {
    const client = await openClient(server.url);
    await server.pause();
    const pong = client.ping();
    const settled = await Promise.race([pong.then(() => 'answered'), inTime(100)]);
    expect(settled).toBe('nothing yet');
    await server.resume();
    expect(await pong).toBe('PONG');
    client.destroy();
  });

  it('can be stopped and closed while it is paused', async () => {
    await server.pause();
    await server.restart();
    const client = await openClient(server.url);
    expect(await client.ping()).toBe('PONG');
    client.destroy();
    await server.pause(); // the end of this block closes it
  });

  it('takes stop, kill and start that are not needed', async () => {
    await server.start();
    await server.stop();
    await server.kill();
    await server.stop();
    await expect(server.pause()).rejects.toThrow('does not run');
  });
});

describeWithServer('redis', { args: ['--maxmemory', '5mb'] }, (server) => {
  it('is started with the arguments it is given', async () => {
    const client = await openClient(server.url);
    expect(await client.configGet('maxmemory')).toEqual({ maxmemory: '5242880' });
    client.destroy();
  });
});

function inTime(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('nothing yet'), ms));
}
