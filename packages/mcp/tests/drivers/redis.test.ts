import { startProxy, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { createClient } from 'redis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { redisTools } from '../../src/servers/redis.ts';
import { type Asking, clientOfProgram, clientOfTools, ERAS } from '../support.ts';

const PASSWORD = 'Xq7-canary-Kp2';

async function nativeOf(url: string) {
  const client = createClient({ url, RESP: 2 });
  await client.connect();
  onTestFinished(() => client.destroy());
  return client;
}

/** A user that can read everything and change nothing, as in docker-compose.yml. */
async function readerOf(url: string): Promise<string> {
  const name = uniqueName('reader').replaceAll('_', '');
  const client = await nativeOf(url);
  await client.sendCommand(['ACL', 'SETUSER', name, 'on', `>${PASSWORD}`, '~*', '+@read', '-@dangerous', '+info']);
  const at = new URL(url);
  at.username = name;
  at.password = PASSWORD;
  return at.href;
}

describeWithServer('redis', (server) => {
  describe.each(ERAS)('asked over the standard input by a client of the era %s', (era) => {
    it('tells of itself and its keys', async () => {
      const client = await nativeOf(server.url);
      const key = uniqueName('hash');
      await client.hSet(key, { name: 'Ada', password: PASSWORD });
      const { data, call } = await clientOfProgram('redis', { ENT_MCP_REDIS_URL: await readerOf(server.url) }, era);
      expect(await data('redis_info', { section: 'server' })).toMatchObject({
        Server: { tcp_port: String(server.port) },
      });
      expect(await data('redis_keys', { pattern: key })).toMatchObject({ cursor: '0', keys: [key] });
      expect(await data('redis_key', { key })).toMatchObject({
        type: 'hash',
        length: 1 + 1,
        value: { name: 'Ada', password: '[redacted]' },
      });
      expect((await call('redis_info')).text).not.toContain(PASSWORD);
    });
  });

  describe('over HTTP', () => {
    const asked = async (): Promise<Asking> => clientOfTools(redisTools({ url: await readerOf(server.url) }));

    it('shows values of each type, the first members of what is long, and hides what a name says is secret', async () => {
      const client = await nativeOf(server.url);
      const key = (type: string): string => uniqueName(type);
      const { data } = await asked();
      const text = key('text');
      await client.set(text, JSON.stringify({ user: 'ann', token: PASSWORD }), {
        expiration: { type: 'PX', value: 60_000 },
      });
      const shown = await data<{ value: string; ttlMs: number }>('redis_key', { key: text });
      expect(shown).toMatchObject({ type: 'string', encoding: 'embstr', value: '{"user":"ann","token":"[redacted]"}' });
      expect(shown.ttlMs).toBeGreaterThan(0);
      const long = key('long');
      await client.set(long, 'x'.repeat(1_000_000));
      expect(await data('redis_key', { key: long })).toMatchObject({ length: 1_000_000, value: 'x'.repeat(16_384) });
      const list = key('list');
      await client.rPush(
        list,
        Array.from({ length: 5000 }, (_, i) => `item ${i}`),
      );
      expect(await data('redis_key', { key: list, limit: 2 })).toMatchObject({
        type: 'list',
        length: 5000,
        value: ['item 0', 'item 1'],
      });
      const set = key('set');
      await client.sAdd(set, ['a']);
      expect(await data('redis_key', { key: set })).toMatchObject({ type: 'set', value: ['a'] });
      const zset = key('zset');
      await client.zAdd(zset, { score: 7, value: 'a' });
      expect(await data('redis_key', { key: zset })).toMatchObject({
        type: 'zset',
        value: [{ member: 'a', score: '7' }],
      });
      const stream = key('stream');
      await client.xGroupCreate(stream, 'mailer', '0', { MKSTREAM: true });
      await client.xAdd(stream, '1-1', { cookie: PASSWORD, to: 'ann' });
      expect(await data('redis_key', { key: stream })).toMatchObject({
        type: 'stream',
        length: 1,
        groups: [{ name: 'mailer', pending: 0, lag: 1 }],
        value: [{ id: '1-1', fields: { cookie: '[redacted]', to: 'ann' } }],
      });
      const secret = `${key('x')}:token`;
      await client.set(secret, PASSWORD);
      expect(await data('redis_key', { key: secret })).toMatchObject({ value: '[redacted]' });
    });

    it.each([
      ['short', 3000, ''],
      ['long', 600, 'x'.repeat(300)],
    ])('walks through %s keys without an end of its own, and leaves none out', async (_, count, end) => {
      const client = await nativeOf(server.url);
      const prefix = uniqueName('many');
      await client.mSet(
        Array.from({ length: count }, (_unused, i) => [`${prefix}:${i}${end}`, 'x'] as [string, string]),
      );
      const { data } = await asked();
      const found = new Set<string>();
      for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
        const page = await data<{ cursor: string; keys: string[] }>('redis_keys', {
          pattern: `${prefix}:*`,
          type: 'string',
          limit: 500,
          cursor,
        });
        for (const key of page.keys) found.add(key);
        cursor = page.cursor;
      }
      expect(found.size).toBe(count);
      expect(await data('redis_keys', { pattern: `${prefix}:*`, type: 'hash' })).toMatchObject({ keys: [] });
    });

    it('tells of what is not there, and of who may not ask', async () => {
      const { call } = await asked();
      expect(await call('redis_key', { key: 'no such key' })).toEqual({
        isError: true,
        text: 'Redis has no key "no such key". (mcp.not_found)',
      });
      expect(await call('redis_key', {})).toMatchObject({
        isError: true,
        text: expect.stringContaining('key') as string,
      });
      const wrong = new URL(await readerOf(server.url));
      wrong.password = `${PASSWORD}-of-another`;
      const stranger = await clientOfTools(redisTools({ url: wrong.href }));
      expect(await stranger.call('redis_info')).toEqual({
        isError: true,
        text: 'Redis does not let this user in, or not do that (WRONGPASS). (mcp.refused)',
      });
    });

    it('sends commands that read, and no others', async () => {
      const client = await nativeOf(server.url);
      const reader = await readerOf(server.url);
      const { username } = new URL(reader);
      const key = uniqueName('watched');
      await client.set(key, 'x');
      // Counted by the server itself, by user: what it refused, and what it ran.
      await client.sendCommand(['CONFIG', 'RESETSTAT']);
      const { call } = await clientOfTools(redisTools({ url: reader }));
      await call('redis_info');
      await call('redis_keys');
      for (const each of [key, 'FLUSHALL', 'x\r\nFLUSHALL\r\n', '*']) await call('redis_key', { key: each });
      const stats = await client.sendCommand<string>(['INFO', 'commandstats']);
      const commands = [...stats.matchAll(/^cmdstat_([\w|]+):/gm)].map(([, name]) => name as string);
      const known = [
        'auth',
        'config|resetstat',
        'dbsize',
        'getrange',
        'hello',
        'info',
        'memory|usage',
        'object|encoding',
        'pttl',
        'scan',
        'strlen',
        'type',
      ];
      expect(commands.filter((name) => !known.includes(name))).toEqual([]);
      expect(commands).toContain('scan');
      expect(JSON.stringify(await client.sendCommand(['ACL', 'LOG']))).not.toContain(username);
      expect(await client.get(key)).toBe('x');
    });

    it('leaves no connection behind', async () => {
      const client = await nativeOf(server.url);
      const reader = await readerOf(server.url);
      const { username } = new URL(reader);
      const { call } = await clientOfTools(redisTools({ url: reader }));
      await Promise.all(Array.from({ length: 10 }, () => call('redis_info')));
      await expect
        .poll(async () => JSON.stringify(await client.sendCommand(['CLIENT', 'LIST'])))
        .not.toContain(`user=${username}`);
    });

    it('is asked again after a connection that was cut, and says so of one that hangs', async () => {
      const proxy = await startProxy(await readerOf(server.url));
      onTestFinished(() => proxy.close());
      const { call } = await clientOfTools(redisTools({ url: proxy.url }));
      const hasty = await clientOfTools(redisTools({ url: proxy.url }), 'legacy', '1s');
      expect((await call('redis_info')).isError).toBe(false);
      await proxy.refuse();
      expect((await call('redis_info')).text).toMatch(/\(mcp\.unavailable\)$/);
      await proxy.heal();
      proxy.blackhole();
      expect((await hasty.call('redis_info')).text).toBe('redis_info took longer than 1000 ms. (mcp.timeout)');
      await proxy.heal();
      expect((await call('redis_info')).isError).toBe(false);
    });
  });
});
