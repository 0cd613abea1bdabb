import { describe, expectTypeOf, it } from 'vitest';
import { redis } from '../src/drivers/redis/index.ts';
import { createCache } from '../src/index.ts';
import { redisExtras, type ScoredMember } from '../src/drivers/redis-extras/index.ts';

interface User {
  name: string;
}
const cache = createCache({ driver: redis() });
const extras = redisExtras(cache.namespace('x'));

describe('the structures of Redis', () => {
  it('hashes and lists hold values of one type', () => {
    const users = extras.hash<User>('users');
    expectTypeOf(users.get('a')).resolves.toEqualTypeOf<User | undefined>();
    expectTypeOf(users.getAll()).resolves.toEqualTypeOf<Map<string, User>>();
    expectTypeOf(users.entries()).toExtend<AsyncIterable<[string, User]>>();
    // @ts-expect-error not a user
    void users.set('a', { nom: 'Ada' });
    // @ts-expect-error nothing but absent
    void users.set('a', { name: 'Ada' }, { when: 'present' });

    const queue = extras.list<User>('queue');
    expectTypeOf(queue.shift()).resolves.toEqualTypeOf<User | undefined>();
    expectTypeOf(queue.range()).resolves.toEqualTypeOf<User[]>();
    expectTypeOf(queue.push).parameters.toEqualTypeOf<User[]>();
  });

  it('without a type their values are unknown', () => {
    expectTypeOf(extras.hash('h').get('f')).resolves.toEqualTypeOf<unknown>();
    expectTypeOf(extras.list('l').pop()).resolves.toEqualTypeOf<unknown>();
  });

  it('sets hold strings', () => {
    void extras.set('s').add('a');
    void extras.set('s').add(new Set(['a']));
    // @ts-expect-error a number is no member
    void extras.set('s').add([1]);
    expectTypeOf(extras.set('s').members()).toExtend<AsyncIterable<string>>();
    expectTypeOf(extras.sortedSet('z').range()).resolves.toEqualTypeOf<ScoredMember[]>();
    // @ts-expect-error a score is a number
    void extras.sortedSet('z').add('a', '1');
  });
});
