import { describe, expect, it } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import { openMessaging } from '../src/open.ts';

describe('openMessaging', () => {
  it('opens a broker in memory, one for each call', async () => {
    const [a, b] = [
      await openMessaging('memory:', { source: 'a' }),
      await openMessaging('memory:?lease=5s&maxQueued=10'),
    ];
    const seen: unknown[] = [];
    await a.subscribe('t', { group: 'g' }, ({ source }) => seen.push(source));
    expect(await b.publish('t', 1)).toMatchObject({ status: 'unroutable' });
    await a.publish('t', 1);
    await expect.poll(() => seen).toEqual(['a']);
    await Promise.all([a.close(), b.close()]);
  });

  it.each([
    'redis://user:secret@127.0.0.1:1/3?lease=5s&prefix=shop:',
    'rediss://127.0.0.1:1',
    'redis+cluster://127.0.0.1:1,127.0.0.1:2',
    'redis+sentinel://127.0.0.1:1,127.0.0.1:2/primary',
  ])('opens streams for %j, and connects to nothing before it has to', async (url) => {
    const messaging = await openMessaging(url);
    expect(messaging.driver.name).toBe('redis-streams');
    await messaging.close();
  });

  it.each(['redis+streams://:secret@host', 'kafka://host', 'MEMORY', '', 'not a url', '__proto__:'])(
    'names what is supported, and no password, for %j',
    async (url) => {
      const error = await openMessaging(url).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'messaging.unknown_scheme' });
      expect((error as Error).message).toContain('memory:');
      expect((error as Error).message).not.toContain('secret');
    },
  );

  it.each([
    'memory:?leas=5s',
    'memory:?lease=soon',
    'memory:?maxQueued=many',
    'redis://127.0.0.1:1?leas=5s',
    'redis://127.0.0.1:1?lease=soon',
    'redis://127.0.0.1:1?prefix={a}',
    'redis://127.0.0.1:1,127.0.0.1:2',
    'redis+sentinel://127.0.0.1:1',
    'amqp://',
    'amqp://user:secret@host/?queues=mirrored',
    'amqp://user:secret@host/?heartbeat=never',
    'amqps://user:secret@host?frameMax=1',
    'amqp://user:se/cret@host',
  ])('refuses %j', async (url) => {
    const error = await openMessaging(url).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'messaging.invalid_options' });
    expect((error as Error).message).not.toContain('secret');
  });

  it('opens a driver of others by the scheme that the application gives it', async () => {
    const drivers = { mine: async () => ({ openDriver: (url: string) => memory({ lease: url.slice(5) }) }) };
    const messaging = await openMessaging('mine:7s', { drivers, source: 'shop' });
    expect(messaging.driver.name).toBe('memory');
    await messaging.close();
    const told = { code: 'messaging.unknown_scheme', message: expect.stringContaining('mine:') };
    await expect(openMessaging('other:', { drivers })).rejects.toMatchObject(told);
    for (const wrong of [{ mine: 'x' }, { mine: async () => ({}) }]) {
      const opened = openMessaging('mine:', { drivers: wrong as never });
      await expect(opened).rejects.toMatchObject({ code: 'messaging.invalid_options' });
    }
  });
});
