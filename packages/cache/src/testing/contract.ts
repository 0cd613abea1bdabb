import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { CacheFeatures, DriverWrite } from '../driver.ts';
import { draft, newStamp } from '../internal/records/record.ts';
import { type Case, patient, until } from './suite.ts';

function stored(features: CacheFeatures, content: string, expiresAt: number | null = null): DriverWrite['value'] {
  if (features.stores === 'bytes') return Buffer.from(content);
  return { ...draft(content, expiresAt ?? Number.POSITIVE_INFINITY), stamp: newStamp() };
}

function text(value: DriverWrite['value'] | undefined): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value?.value;
}

/** What the core relies on in a driver, called without the core. */
export const contract: readonly Case[] = [
  {
    name: 'driver: connect, ping and close can be repeated',
    run: async ({ driver }) => {
      const d = await driver();
      await d.connect(patient);
      await d.connect(patient);
      await d.ping(patient, randomUUID());
      await d.close();
      await d.close();
    },
  },
  {
    name: 'driver: leaves the data to the others when it is closed',
    when: (features) => features.shared,
    run: async ({ driver, features }) => {
      const [one, two] = [await driver(), await driver()];
      const key = randomUUID();
      await one.set([{ key, value: stored(features, 'v'), expiresAt: null }], patient);
      await one.close();
      assert.equal(text((await two.get([key], patient))[0]?.value), 'v');
      await two.delete([key], patient);
    },
  },
  {
    name: 'driver: works without connect, from many callers at once',
    run: async ({ driver }) => {
      const d = await driver();
      const key = randomUUID();
      await Promise.all(Array.from({ length: 20 }, () => d.get([key], patient)));
      assert.deepEqual(await d.get([key], patient), [undefined]);
    },
  },
  {
    name: 'driver: answers a batch in its order, repeated keys included',
    run: async ({ driver, features }) => {
      const d = await driver();
      const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
      const outcomes = await d.set(
        [
          { key: a, value: stored(features, 'A'), expiresAt: null },
          { key: b, value: stored(features, 'B'), expiresAt: Date.now() + 60_000 },
        ],
        patient,
      );
      assert.deepEqual(outcomes, [true, true]);
      const got = await d.get([c, b, a, b], patient);
      assert.deepEqual(
        got.map((entry) => text(entry?.value)),
        [undefined, 'B', 'A', 'B'],
      );
      assert.deepEqual(await d.delete([c, a], patient), [false, true]);
      assert.deepEqual(await d.delete([a, b], patient), [false, true]);
    },
  },
  {
    name: 'driver: takes an expiry that has passed for gone, also where an older value was',
    run: async ({ driver, features }) => {
      const d = await driver();
      const key = randomUUID();
      await d.set([{ key, value: stored(features, 'old'), expiresAt: null }], patient);
      const past = Date.now() - 10;
      await d.set([{ key, value: stored(features, 'past', past), expiresAt: past }], patient);
      await until(async () => (await d.get([key], patient))[0] === undefined, 'the passed expiry');
    },
  },
  {
    name: 'driver: gives each write a version, and writes by it',
    when: ({ conditional }) => conditional,
    run: async ({ driver, features }) => {
      const d = await driver();
      const key = randomUUID();
      const version = async (): Promise<string> => (await d.get([key], patient, { versions: true }))[0]!.version!;
      const write = async (value: string, when?: DriverWrite['when']): Promise<boolean | undefined> =>
        (await d.set([{ key, value: stored(features, value), expiresAt: null, ...(when && { when }) }], patient))[0];
      assert.equal(await write('never', { version: '1' }), false, 'no version of an absent key');
      assert.equal(await write('one', 'absent'), true);
      const one = await version();
      assert.equal(await version(), one, 'a read changes no version');
      assert.equal(await write('two', { version: one }), true);
      assert.equal(await write('late', { version: one }), false);
      assert.equal(text((await d.get([key], patient))[0]?.value), 'two');
      const two = await version();
      assert.notEqual(two, one);
      await d.delete([key], patient);
      assert.equal(await write('late', { version: two }), false, 'the version of a deleted key');
      assert.deepEqual(await d.get([key], patient), [undefined]);
    },
  },
  {
    name: 'driver: mixes conditions in a batch and answers each',
    when: ({ conditional }) => conditional,
    run: async ({ driver, features }) => {
      const d = await driver();
      const [there, gone] = [randomUUID(), randomUUID()];
      await d.set([{ key: there, value: stored(features, 'v'), expiresAt: null }], patient);
      const outcomes = await d.set(
        [
          { key: gone, value: stored(features, 'x'), expiresAt: null, when: 'present' },
          { key: there, value: stored(features, 'x'), expiresAt: null, when: 'absent' },
          { key: randomUUID(), value: stored(features, 'x'), expiresAt: null },
        ],
        patient,
      );
      assert.deepEqual(outcomes, [false, false, true]);
      const got = await d.get([gone, there], patient);
      assert.deepEqual(
        got.map((entry) => text(entry?.value)),
        [undefined, 'v'],
      );
    },
  },
  {
    name: 'driver: lets one of many writers by the same version win',
    when: ({ conditional }) => conditional,
    run: async ({ driver, features }) => {
      const d = await driver();
      const key = randomUUID();
      await d.set([{ key, value: stored(features, 'start'), expiresAt: null }], patient);
      const version = (await d.get([key], patient, { versions: true }))[0]!.version!;
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          d.set([{ key, value: stored(features, `w${i}`), expiresAt: null, when: { version } }], patient),
        ),
      );
      assert.equal(outcomes.flat().filter(Boolean).length, 1);
    },
  },
  {
    name: 'driver: lists the keys with a prefix, the prefix taken literally',
    when: ({ enumerate }) => enumerate,
    run: async ({ driver, features }) => {
      const d = await driver();
      const root = randomUUID();
      const prefix = `${root}*?[a]\\:`;
      const inside = Array.from({ length: 600 }, (_, i) => `${prefix}${i}`);
      const outside = [`${root}xx[a]\\:1`, `${root}*?a\\:1`, `${root}`, `${root}*?[a]:1`];
      const write = (key: string): DriverWrite => ({ key, value: stored(features, 'v'), expiresAt: null });
      await d.set(inside.map(write), patient);
      await d.set(outside.map(write), patient);
      const found = new Set<string>();
      for await (const page of d.scan!(prefix, patient)) for (const key of page) found.add(key);
      assert.deepEqual([...found].toSorted(), inside.toSorted());
      await d.delete([...inside, ...outside], patient);
    },
  },
  {
    name: 'driver: tells of keys that it has read when anyone changes them, and when they expire',
    when: ({ tracks }) => tracks,
    run: async ({ driver, features }) => {
      const [d, other] = [await driver(), await driver()];
      const changed = new Set<string>();
      d.track!((keys) => {
        for (const key of keys ?? []) changed.add(key);
      });
      const write = (key: string, expiresAt: number | null = null): DriverWrite => {
        return { key, value: stored(features, 'v', expiresAt), expiresAt };
      };
      const [set, deleted, absent] = ['set', 'deleted', 'absent'].map((n) => n + randomUUID());
      let expiring = '';
      await other.set([write(set!), write(deleted!)], patient);
      await d.get([set!, deleted!, absent!], patient);
      await until(async () => {
        expiring = `é😀 \r\n*${randomUUID()}`;
        await other.set([write(expiring, Date.now() + 500)], patient);
        return (await d.get([expiring], patient))[0] !== undefined; // a slow machine may read it too late
      }, 'a value that is read before it expires');
      await other.set([write(set!), write(absent!)], patient);
      await other.delete([deleted!], patient);
      for (const key of [set, deleted, absent]) {
        await until(async () => changed.has(key!), `word of a change of ${key}`);
      }
      await until(async () => {
        await other.get([expiring], patient); // a server may find out only now
        return changed.has(expiring);
      }, 'word of an expiry');
      await d.get([set!], patient);
      changed.clear();
      await d.set([write(set!)], patient);
      await until(async () => changed.has(set!), 'word of a change of its own');
      await d.delete([set!, absent!], patient);
    },
  },
  {
    name: 'driver: has told of all changes by the time that it says so',
    when: ({ tracks }) => tracks,
    run: async ({ driver, features }) => {
      const [d, other] = [await driver(), await driver()];
      const changed = new Set<string>();
      const hear = d.track!((keys) => {
        for (const key of keys ?? []) changed.add(key);
      });
      for (let round = 0; round < 20; round++) {
        const keys = Array.from({ length: 100 }, () => randomUUID());
        await d.get(keys, patient);
        await other.set(
          keys.map((key) => ({ key, value: stored(features, 'v'), expiresAt: null })),
          patient,
        );
        await hear(patient, randomUUID());
        assert.deepEqual(
          keys.filter((key) => !changed.has(key)),
          [],
          'changes without a word',
        );
        await other.delete(keys, patient);
      }
    },
  },
];
