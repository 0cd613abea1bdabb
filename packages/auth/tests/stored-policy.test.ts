import { EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  channels,
  type KeySetStore,
  openPolicy,
  type PolicyChanges,
  type PolicyOperation,
  type StoredPolicyOptions,
  trustedPrincipal,
} from '../src/index.ts';

const member = { allow: ['docs:read', { permission: 'docs:update', own: true }] } as const;
const initial = { member };
const ann = trustedPrincipal({ subject: 'ann', roles: ['member'] });
const owners = { docs: 'owner' } as const;

/** A store with all that can go wrong in it. */
function textStore() {
  const kept: { text: { revision: number; data: string } | undefined; down: boolean } = {
    text: undefined,
    down: false,
  };
  const store: KeySetStore = {
    async read() {
      if (kept.down) throw new Error('The connection was lost.');
      return kept.text;
    },
    async write(data, expected) {
      if (kept.down) throw new Error('The connection was lost.');
      if ((kept.text?.revision ?? 0) !== expected) return false;
      kept.text = { revision: expected + 1, data };
      return true;
    },
  };
  return { kept, store };
}

/** What reaches each process that has subscribed. */
function bus(): PolicyChanges & { readonly emitter: EventEmitter } {
  const emitter = new EventEmitter();
  return {
    emitter,
    publish: (revision) => emitter.emit('changed', revision),
    subscribe(changed) {
      emitter.on('changed', changed);
      return () => emitter.off('changed', changed);
    },
  };
}

function setUp(more: Partial<StoredPolicyOptions<typeof owners>> = {}) {
  const { kept, store } = textStore();
  const clock = { time: Date.UTC(2030, 0, 1) };
  const open = () => openPolicy({ store, initial, owners, now: () => clock.time, ...more });
  return { kept, store, clock, open };
}

function outcomes(): (string | undefined)[] {
  const seen: (string | undefined)[] = [];
  const listener = {
    start() {},
    end() {},
    asyncStart() {},
    asyncEnd: ({ operation, outcome }: PolicyOperation) => void seen.push(`${operation} ${outcome}`),
    error() {},
  };
  channels.policy.subscribe(listener);
  onTestFinished(() => {
    channels.policy.unsubscribe(listener);
  });
  return seen;
}

describe('a policy in a store', () => {
  it('is made at the first use, and is the same for who comes later', async () => {
    const { kept, open, store } = setUp();
    const [one, two] = [await open(), await open()];
    const other = await openPolicy({ store, initial: {}, owners });
    expect([one.revision, two.revision, other.revision]).toEqual([1, 1, 1]);
    expect(JSON.parse(kept.text?.data ?? '')).toEqual(initial);
    expect(one.can(ann, 'docs:update', { owner: 'ann' })).toBe(true);
    expect(one.explain(ann, 'docs:update', { owner: 'bob' }).reason).toBe('not_owner');
    expect([one.roles, one.isRole('member'), one.maybe(ann, 'docs:update'), one.table().length]).toEqual([
      ['member'],
      true,
      true,
      2,
    ]);
    expect(one.filterFor(ann, 'docs:read')).toEqual({});
    expect(() => one.authorize(ann, 'docs:delete')).toThrow(expect.objectContaining({ code: 'auth.forbidden' }));
  });

  it('is replaced for all: here at once, and elsewhere when it is told', async () => {
    const changes = bus();
    const { open } = setUp({ changes });
    const [here, there] = [await open(), await open()];
    expect(await here.replace({ member: { deny: ['docs:read'] } }, here.revision)).toBe(2);
    expect([here.revision, here.can(ann, 'docs:read')]).toEqual([2, false]);
    await vi.waitFor(() => expect([there.revision, there.can(ann, 'docs:read')]).toEqual([2, false]));
    expect(there.definition()).toEqual({ member: { deny: ['docs:read'] } });
    await Promise.all([here.close(), there.close()]);
    expect(changes.emitter.listenerCount('changed')).toBe(0);
  });

  it('is read again after a while, where nobody tells', async () => {
    const { open, clock } = setUp({
      changes: { publish: () => Promise.reject(new Error('gone')), subscribe: () => () => {} },
    });
    const [here, there] = [await open(), await open()];
    await here.replace({ member: {} }, 1);
    expect(there.can(ann, 'docs:read')).toBe(true);
    clock.time += 60_000;
    there.can(ann, 'docs:read');
    await vi.waitFor(() => expect(there.can(ann, 'docs:read')).toBe(false));
  });

  it('is replaced by one of many that have read the same revision', async () => {
    const { open } = setUp();
    const policies = await Promise.all(Array.from({ length: 5 }, open));
    const answers = await Promise.allSettled(policies.map((each, n) => each.replace({ [`r${n}`]: {} }, 1)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === 'rejected')
        expect(answer.reason).toMatchObject({ code: 'auth.policy_changed', status: 409 });
    }
    await Promise.all(policies.map((each) => each.reload()));
    expect(new Set(policies.map((each) => JSON.stringify(each.definition()))).size).toBe(1);
  });

  it.each<[string, object]>([
    ['a circle', { a: { inherits: ['b'] }, b: { inherits: ['a'] } }],
    ['an unknown role', { a: { inherits: ['b'] } }],
    ['a date', { a: { allow: [{ permission: 'docs:read', where: { at: { gt: new Date(0) } } }] } }],
    ['a bigint', { a: { allow: [{ permission: 'docs:read', where: { size: 5n } }] } }],
    ['an undefined', { a: { allow: undefined } }],
    ['no roles', null as never],
  ])('is not replaced by roles with %s', async (_name, roles) => {
    const { open, kept } = setUp();
    const policy = await open();
    await expect(policy.replace(roles as never, 1)).rejects.toMatchObject({ code: 'auth.configuration' });
    expect([policy.revision, kept.text?.revision]).toEqual([1, 1]);
  });

  it('decides on by what is known while the store is away, or holds what cannot be', async () => {
    const { open, kept, clock } = setUp();
    const policy = await open();
    const seen = outcomes();
    kept.down = true;
    clock.time += 60_000;
    expect(policy.can(ann, 'docs:read')).toBe(true);
    await expect(policy.reload()).rejects.toMatchObject({ code: 'auth.store_failed' });
    await expect(policy.replace({}, 1)).rejects.toMatchObject({ code: 'auth.store_failed' });
    kept.down = false;
    for (const data of ['{', '[]x', '{"member":{"inherits":["nobody"]}}', 'null']) {
      kept.text = { revision: (kept.text?.revision ?? 0) + 1, data };
      await expect(policy.reload()).rejects.toMatchObject({ code: 'auth.configuration' });
      expect([policy.revision, policy.can(ann, 'docs:read')]).toEqual([1, true]);
    }
    expect(seen).toContain('load invalid');
    await expect(open()).rejects.toMatchObject({ code: 'auth.configuration' });
  });

  it('is not taken back by what was read before it was replaced here', async () => {
    const { open, store, kept } = setUp();
    const policy = await open();
    const old = kept.text;
    let answer: (value: typeof old) => void = () => {};
    const read = vi.spyOn(store, 'read').mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    kept.text = { revision: 1, data: '{}' };
    const reloading = policy.reload();
    await policy.replace({ member: { deny: ['**'] } }, 1);
    answer({ revision: 1, data: '{}' });
    await reloading;
    expect([policy.revision, policy.can(ann, 'docs:read'), read.mock.calls.length]).toEqual([2, false, 1]);
  });

  it('is not taken back by a store whose reads are behind', async () => {
    const { open, kept } = setUp();
    const policy = await open();
    const old = kept.text;
    await policy.replace({ member: { deny: ['**'] } }, 1);
    kept.text = old;
    await policy.reload();
    expect([policy.revision, policy.can(ann, 'docs:read')]).toEqual([2, false]);
  });

  it.each([
    ['a number', (revision: number) => revision],
    ['a text', String],
  ])('is read once more where the store is behind what was told as %s', async (_name, form) => {
    const changes = bus();
    const { open, kept, store } = setUp({ changes: { ...changes, publish: () => {} } });
    const policy = await open();
    const old = kept.text;
    const read = vi.spyOn(store, 'read').mockImplementationOnce(async () => old);
    kept.text = { revision: 2, data: '{}' };
    changes.emitter.emit('changed', form(2));
    await vi.waitFor(() => expect(policy.revision).toBe(2), 5000);
    expect(read).toHaveBeenCalledTimes(2);
    // For one that the store never shows, once.
    changes.emitter.emit('changed', form(9));
    await vi.waitFor(() => expect(read).toHaveBeenCalledTimes(4), 5000);
    await policy.close();
    expect(read).toHaveBeenCalledTimes(4);
  });

  it('is not opened where the store takes no policy and has none', async () => {
    const store: KeySetStore = { read: async () => undefined, write: async () => false };
    await expect(setUp({ store }).open()).rejects.toMatchObject({ code: 'auth.store_failed' });
  });

  it.each<[string, object]>([
    ['no store', { store: {} }],
    ['changes that nobody hears', { changes: { publish() {} } }],
    ['a time that is none', { reloadAfter: 'soon' }],
    ['an option that nobody reads', { roles: {} }],
  ])('is not opened with %s', async (_name, options) => {
    await expect(setUp(options as never).open()).rejects.toMatchObject({ code: 'auth.configuration' });
  });
});
