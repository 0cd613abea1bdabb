import { describe, expect, it } from 'vitest';
import { type ConnectionUrl, openByUrl, type Scheme } from '../src/index.ts';

class UrlError extends Error {}
const errors = {
  unknown: (message: string) => new UrlError(message),
  invalid: (message: string, options?: object) => new UrlError(message, options),
};
const echo = (hosts: Scheme<ConnectionUrl, undefined>['hosts'], parameters: string[] = []) => ({
  hosts,
  parameters,
  open: async (url: ConnectionUrl) => url,
});
const schemes = {
  memory: echo('none', ['size']),
  one: echo('one', ['db']),
  many: echo('several'),
  absent: {
    ...echo('none'),
    open: async (): Promise<never> => {
      throw Object.assign(new Error("Cannot find package 'some-client' imported from x"), {
        code: 'ERR_MODULE_NOT_FOUND',
      });
    },
  },
};
const open = (url: string): Promise<ConnectionUrl> => openByUrl('openThing', url, schemes, undefined, errors);

describe('openByUrl', () => {
  it('takes a URL apart', async () => {
    expect(await open('one://ada:p%40ss%3A@localhost:6379/0?db=2')).toMatchObject({
      scheme: 'one',
      user: 'ada',
      password: 'p@ss:',
      hosts: ['localhost:6379'],
      path: '/0',
      parameters: { db: '2' },
    });
    expect(await open('MANY://a:1,[::1]:2,c')).toMatchObject({
      scheme: 'many',
      hosts: ['a:1', '[::1]:2', 'c'],
      path: '',
    });
    expect(await open('many://:secret@a')).toMatchObject({ user: undefined, password: 'secret' });
    expect(await open('many://ada:se:cr@et@a')).toMatchObject({ user: 'ada', password: 'se:cr@et', hosts: ['a'] });
    expect(await open('memory:')).toMatchObject({ path: '', hosts: [] });
    expect(await open('memory::memory:?size=3')).toMatchObject({ path: ':memory:', parameters: { size: '3' } });
    expect(await open('memory:./a%20b.db')).toMatchObject({ path: './a b.db' });
  });

  it.each([
    ['nonsense', 'something that is not a URL'],
    ['', 'something that is not a URL'],
    ['__proto__:x', 'something that is not a URL'],
    ['constructor:x', 'the scheme "constructor:"'],
    ['ftp://secret@h', 'the scheme "ftp:"'],
    ['one://a,b', 'one: URLs have one host; got 2.'],
    ['one://', 'host or port'],
    ['one://secret', undefined],
    ['one://host:99999', 'host or port'],
    ['many://a,,b', 'host or port'],
    ['one:host', 'host or port'],
    ['one://ada:%@host', 'written %25'],
    ['one://host?pool=3', 'got "pool"'],
    ['one://host?db=1&db=2', 'twice'],
    ['memory:?x=1', 'the parameters size; got "x"'],
    ['absent:', 'run npm install some-client.'],
  ])('tells what is wrong with %j', async (url, message) => {
    if (message === undefined) return void (await open(url));
    const error: unknown = await open(url).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UrlError);
    expect((error as Error).message).toContain(message);
  });

  it('never shows a password', async () => {
    for (const url of [
      'one://u:hunter2@',
      'one://u:hunter2@h:x',
      'one://u:hunter2%@h',
      'ftp://u:hunter2@h',
      'one://u:hunter2@h?x=hunter2',
    ]) {
      const error: unknown = await open(url).catch((reason: unknown) => reason);
      expect(String(error)).not.toContain('hunter2');
    }
  });
});
