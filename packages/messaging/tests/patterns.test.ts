import { describe, expect, it } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import { createMessaging } from '../src/index.ts';
import { checkSubscribed, matcherOf, plainNameOf } from '../src/internal/patterns.ts';

describe('a pattern of topics', () => {
  it.each([
    ['order.*', ['order.placed', 'order.'], ['order', 'order.placed.late', 'orders.placed', 'xorder.placed']],
    ['order.#', ['order', 'order.placed', 'order.placed.late'], ['orders', 'orders.placed', 'an.order']],
    ['*.placed', ['order.placed'], ['placed', 'an.order.placed']],
    ['*.*.late', ['a.b.late'], ['a.late', 'a.b.c.late']],
    ['#', ['order', 'order.placed', 'a-b_c.D'], []],
    ['*.#', ['order', 'order.placed'], []],
    ['Order.*', ['Order.placed'], ['order.placed']],
  ])('%s', (pattern, fitting, others) => {
    const fits = matcherOf(pattern);
    expect(fitting.filter((topic) => !fits(topic))).toEqual([]);
    expect(others.filter(fits)).toEqual([]);
  });

  it.each(['order.#.late', 'order*', 'a.**', 'order..*', '.*', '*.', 'a b.*', `${'a.'.repeat(100)}*`])(
    '%s is refused',
    async (pattern) => {
      expect(() => checkSubscribed(pattern)).toThrow(expect.objectContaining({ code: 'messaging.invalid_options' }));
      const messaging = createMessaging({ driver: memory() });
      const subscribing = messaging.subscribe(pattern, { group: 'g' }, () => {});
      await expect(subscribing).rejects.toMatchObject({ code: 'messaging.invalid_options' });
      await messaging.close();
    },
  );

  it('is nothing to publish to, nor to define', async () => {
    const messaging = createMessaging({ driver: memory() });
    await expect(messaging.publish('order.*', 1)).rejects.toMatchObject({ code: 'messaging.invalid_options' });
    await messaging.close();
  });

  it('shares its dead letters with no other, nor with a topic', () => {
    const patterns = ['a.*', 'a.#', '*.a', '#', '*', 'a.*.*', 'a.-.*', 'a.*.-', 'a._-.*', 'a.--.#', 'a.-.#', '-.*'];
    const names = [...patterns, 'a.-', 'a.--', 'a'].map(plainNameOf);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(checkSubscribed(name)).toBe(name);
  });
});
