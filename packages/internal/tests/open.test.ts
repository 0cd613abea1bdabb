import { describe, expect, it } from 'vitest';
import { type ConnectionUrl, openByUrl, type OwnSchemes, type Scheme } from '../src/index.ts';

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

describe('schemes of the application', () => {
  interface Named {
    readonly name: string;
    readonly features: object;
  }
  const driver = (name: string): Named => ({ name, features: {} });
  const ours = {
    memory: { hosts: 'none', parameters: [], open: async () => driver('ours') },
  } satisfies Record<string, Scheme<Named, undefined>>;
  // JavaScript gives anything.
  const openOwn = (url: string, own: unknown): Promise<Named> =>
    openByUrl('openThing', url, ours, undefined, errors, own as OwnSchemes<Named>);

  it('opens by the module of the scheme, with the URL as it was given', async () => {
    const own = { 'x+y': async () => ({ openDriver: async (url: string) => driver(url) }) };
    expect((await openOwn('X+Y://ada:se/cr@et@h?a=1', own)).name).toBe('X+Y://ada:se/cr@et@h?a=1');
    expect((await openOwn('memory:', own)).name).toBe('ours');
    expect((await openOwn('memory:', undefined)).name).toBe('ours');
  });

  it('prefers it to one of ours', async () => {
    expect((await openOwn('memory:', { memory: async () => ({ openDriver: () => driver('own') }) })).name).toBe('own');
  });

  it('imports nothing but what the URL names', async () => {
    const own = { x: async () => ({ openDriver: () => driver('x') }), y: () => Promise.reject(new Error('imported')) };
    expect((await openOwn('x:', own)).name).toBe('x');
    await expect(openOwn('y:', own)).rejects.toThrow('imported');
  });

  it.each<[string, unknown, string]>([
    ['z:', { x: async () => ({}) }, 'openThing supports memory:, x: URLs; got the scheme "z:".'],
    ['memory:', { x: 'a-driver' }, 'drivers.x must be a function'],
    ['memory:', { x: import('node:path') }, 'drivers.x must be a function'],
    ['memory:', { 'x:': async () => ({}) }, 'drivers has "x:", which is no scheme'],
    ['memory:', { X: async () => ({}) }, 'drivers has "X", which is no scheme'],
    ['memory:', [async () => ({})], 'drivers is an object of schemes'],
    ['memory:', null, 'drivers is an object of schemes'],
    ['x:', { x: async () => ({ default: {} }) }, 'the module of x: URLs has no function openDriver'],
    ['x:', { x: () => undefined }, 'the module of x: URLs has no function openDriver'],
    ['x:', { x: async () => ({ openDriver: () => undefined }) }, 'openDriver of x: URLs made no driver'],
    ['x:', { x: async () => ({ openDriver: () => 'x' }) }, 'openDriver of x: URLs made no driver'],
    ['x:', { x: () => schemes.absent.open() }, 'x: URLs need the package some-client'],
  ])('%s with %j is told', async (url, own, message) => {
    const error: unknown = await openOwn(url, own).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UrlError);
    expect((error as Error).message).toContain(message);
  });
});
