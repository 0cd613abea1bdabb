import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { memory } from '../src/drivers/memory.ts';
import type { Delivery, MessagingDriver, Source, WireMessage } from '../src/index.ts';
import { type ManualClock, manualClock, type MessagingHarness, testMessagingDriver } from '../src/testing.ts';
import { connectTo, sourceWith } from './support.ts';

// A suite is worth what it finds. Each mutant is the memory driver with one bug, of a kind that a driver for a real
// broker can have; the suite has to fail each of them.

type Mutant = (driver: MessagingDriver, clock: ManualClock) => MessagingDriver;

const onSend =
  (change: (message: WireMessage, index: number) => WireMessage): Mutant =>
  (driver) => {
    let count = 0;
    return {
      ...driver,
      send: (batch, call) =>
        driver.send(
          batch.map((message) => change(message, count++)),
          call,
        ),
    };
  };

const onSource =
  (change: (source: Source, clock: ManualClock) => Partial<Source>): Mutant =>
  (driver, clock) => ({
    ...driver,
    async subscribe(spec, call) {
      const source = await driver.subscribe(spec, call);
      return sourceWith(source, change(source, clock));
    },
  });

const onDelivery = (change: (delivery: Delivery) => Delivery): Mutant =>
  onSource((source) => ({ receive: async (max, signal) => (await source.receive(max, signal)).map(change) }));

const renamed =
  (topic: (name: string) => string, group: (name: string) => string): Mutant =>
  (driver) => ({
    ...driver,
    ensure: (spec, call) => driver.ensure({ topic: topic(spec.topic), group: group(spec.group) }, call),
    subscribe: (spec, call) => driver.subscribe({ ...spec, topic: topic(spec.topic), group: group(spec.group) }, call),
    send: (batch, call) =>
      driver.send(
        batch.map((message) => ({ ...message, topic: topic(message.topic) })),
        call,
      ),
  });

const mutants: Record<string, Mutant> = {
  'loses one message in ten and calls it stored': (driver) => {
    let count = 0;
    return {
      ...driver,
      async send(batch, call) {
        const kept = batch.filter(() => ++count % 10 !== 0);
        const results = kept.length > 0 ? await driver.send(kept, call) : [];
        return batch.map((message) => results[kept.indexOf(message)] ?? { status: 'stored' });
      },
    };
  },
  'stores each message twice': (driver) => ({
    ...driver,
    send: async (batch, call) => (await driver.send([...batch, ...batch], call)).slice(0, batch.length),
  }),
  'reads the message after the call has returned to its caller': (driver) => ({
    ...driver,
    async send(batch, call) {
      await nextTurn();
      return driver.send(batch, call);
    },
  }),
  'stores a batch back to front': (driver) => ({
    ...driver,
    send: async (batch, call) => (await driver.send(batch.toReversed(), call)).toReversed(),
  }),
  'answers for a batch in another order': (driver) => ({
    ...driver,
    send: async (batch, call) => (await driver.send(batch, call)).toSorted((a, b) => a.status.localeCompare(b.status)),
  }),
  'calls what nobody gets stored': (driver) => ({
    ...driver,
    send: async (batch, call) =>
      (await driver.send(batch, call)).map((result) =>
        result.status === 'unroutable' ? { status: 'stored' } : result,
      ),
  }),
  'drops headers': onSend((message) => ({ ...message, headers: {} })),
  'drops empty headers': onSend((message) => ({
    ...message,
    headers: Object.fromEntries(Object.entries(message.headers).filter(([, value]) => value !== '')),
  })),
  'shows dead letters and retries to patterns': onSend((message) => ({ ...message, isInternal: undefined })),
  'loses what is for one group of a pattern': onSend((message) => ({ ...message, pattern: undefined })),
  'takes the pattern for the topic': (driver) => ({
    ...driver,
    async subscribe(spec, call) {
      const source = await driver.subscribe(spec, call);
      const misnamed = (delivery: Delivery): Delivery => ({
        ...delivery,
        message: { ...delivery.message, topic: spec.topic },
      });
      return sourceWith(source, { receive: async (max, signal) => (await source.receive(max, signal)).map(misnamed) });
    },
  }),
  'takes no pattern for more than one segment': (driver) => ({
    ...driver,
    ensure: (spec, call) => driver.ensure({ ...spec, topic: spec.topic.replace(/#$/, '*') }, call),
    subscribe: (spec, call) => driver.subscribe({ ...spec, topic: spec.topic.replace(/#$/, '*') }, call),
  }),
  'minds no priority': onSend((message) => ({
    ...message,
    headers: Object.fromEntries(Object.entries(message.headers).filter(([name]) => name !== 'delivery-priority')),
  })),
  'takes bodies for UTF-8': onSend((message) => ({
    ...message,
    body: new TextEncoder().encode(new TextDecoder().decode(message.body)),
  })),
  'cuts bodies at 64 KiB': onSend((message) => ({ ...message, body: message.body.subarray(0, 65_536) })),
  'cuts times to seconds': onSend((message) => ({ ...message, time: Math.floor(message.time / 1000) * 1000 })),
  'makes an absent subject an empty one': onSend((message) => ({ ...message, subject: message.subject ?? '' })),
  'takes the topic for the type': onSend((message) => ({ ...message, type: message.topic })),
  'gives messages ids of its own': onSend((message, index) => ({ ...message, id: String(index) })),
  'has one queue for all groups': renamed(
    (topic) => topic,
    () => 'shared',
  ),
  'has one queue for each subscriber': (driver) => {
    let count = 0;
    return {
      ...driver,
      async subscribe(spec, call) {
        const own = { ...spec, group: `${spec.group}-${count++}` };
        await driver.ensure(own, call);
        return driver.subscribe(own, call);
      },
    };
  },
  'has one topic': renamed(
    () => 'all',
    (group) => group,
  ),
  'ignores case in names of topics': renamed(
    (topic) => topic.toLowerCase(),
    (group) => group,
  ),
  'ignores case in names of groups': renamed(
    (topic) => topic,
    (group) => group.toLowerCase(),
  ),
  'gives a new group what was sent before it': (driver) => {
    const [sent, groups]: [WireMessage[], Set<string>] = [[], new Set()];
    return {
      ...driver,
      async ensure(spec, call) {
        await driver.ensure(spec, call);
        const old = groups.has(JSON.stringify(spec)) ? [] : sent.filter(({ topic }) => topic === spec.topic);
        groups.add(JSON.stringify(spec));
        if (old.length > 0) {
          await driver.send(
            old.map((message) => ({ ...message, group: spec.group })),
            call,
          );
        }
      },
      send(batch, call) {
        sent.push(...batch);
        return driver.send(batch, call);
      },
    };
  },
  'leaves subscribers with a group that was removed': (driver) => {
    const removed = new Set<string>();
    return {
      ...driver,
      async remove(spec, call) {
        removed.add(`${spec.topic} ${spec.group}`);
        await driver.remove(spec, call);
      },
      async subscribe(spec, call) {
        const source = await driver.subscribe(spec, call);
        return sourceWith(source, {
          receive: (max, signal) =>
            source.receive(max, signal).catch((error: unknown) => {
              if (removed.has(`${spec.topic} ${spec.group}`)) return new Promise<never>(() => {});
              throw error;
            }),
        });
      },
    };
  },
  'empties a group that is made again': (driver) => {
    const generations = new Map<string, number>();
    const current = <T extends { topic: string }>(spec: T): T => ({
      ...spec,
      topic: `${spec.topic}#${generations.get(spec.topic) ?? 0}`,
    });
    return {
      ...driver,
      ensure(spec, call) {
        generations.set(spec.topic, (generations.get(spec.topic) ?? 0) + 1);
        return driver.ensure(current(spec), call);
      },
      subscribe: (spec, call) => driver.subscribe(current(spec), call),
      send: (batch, call) => driver.send(batch.map(current), call),
    };
  },
  'delivers one more than was asked for': onSource((source) => ({
    receive: (max, signal) => source.receive(max + 1, signal),
  })),
  'does not acknowledge': onSource((source) => ({
    settle: async (batch) => {
      const results = await source.settle(batch.filter(({ action }) => action !== 'ack'));
      return batch.map(({ action }) => (action === 'ack' ? 'ok' : (results.shift() ?? 'stale')));
    },
  })),
  'says ok to whatever is settled': onSource((source) => ({
    settle: async (batch) => (await source.settle(batch)).map(() => 'ok'),
  })),
  'acknowledges what is released': onSource((source) => ({
    settle: (batch) =>
      source.settle(
        batch.map(
          ({ token, action, ...rest }) => ({ token, action: action === 'release' ? 'ack' : action, ...rest }) as never,
        ),
      ),
  })),
  'acknowledges what is to be retried': onSource((source) => ({
    settle: (batch) =>
      source.settle(batch.map((one) => (one.action === 'retry' ? { token: one.token, action: 'ack' } : one))),
  })),
  'counts a release as an attempt': onSource((source) => ({
    settle: (batch) =>
      source.settle(
        batch.map((one) => (one.action === 'release' ? { token: one.token, action: 'retry', delayMs: 0 } : one)),
      ),
  })),
  'retries at once': onSource((source) => ({
    settle: (batch) => source.settle(batch.map((one) => (one.action === 'retry' ? { ...one, delayMs: 0 } : one))),
  })),
  'counts what is postponed as an attempt': onSource((source) => ({
    settle: (batch) =>
      source.settle(batch.map((one) => (one.action === 'postpone' ? { ...one, action: 'retry' } : one))),
  })),
  'postpones nothing': onSource((source) => ({
    settle: (batch) => source.settle(batch.map((one) => (one.action === 'postpone' ? { ...one, delayMs: 0 } : one))),
  })),
  'counts what somebody has as ready': (driver) => ({
    ...driver,
    async count(spec, call) {
      const count = await driver.count(spec, call);
      return count && { ...count, ready: count.ready + (count.leased ?? 0) };
    },
  }),
  'counts what is delayed as ready': (driver) => ({
    ...driver,
    async count(spec, call) {
      const count = await driver.count(spec, call);
      return count && { ...count, ready: count.ready + (count.delayed ?? 0) };
    },
  }),
  'makes a group that is only counted': (driver) => ({
    ...driver,
    async count(spec, call) {
      await driver.ensure(spec, call);
      return driver.count(spec, call);
    },
  }),
  'gives what is for one group to all, and does not say so': onSend((message) => ({ ...message, group: undefined })),
  'takes what it only shows': (driver) => ({
    ...driver,
    async browse(spec, max, call) {
      const source = await driver.subscribe({ ...spec, prefetch: max }, call);
      const given = new AbortController();
      setTimeout(() => given.abort(), 10);
      const deliveries = await source.receive(max, given.signal);
      return deliveries.map(({ message }) => message);
    },
  }),
  'shows messages back to front': (driver) => ({
    ...driver,
    browse: async (...args) => ((await driver.browse?.(...args)) ?? []).toReversed(),
  }),
  'shows no more than ten': (driver) => ({
    ...driver,
    browse: async (spec, max, call) => (await driver.browse?.(spec, Math.min(10, max), call)) ?? [],
  }),
  'retries far too late': onSource((source) => ({
    settle: (batch) => source.settle(batch.map((one) => (one.action === 'retry' ? { ...one, delayMs: 1e9 } : one))),
  })),
  'does not count attempts': onDelivery((delivery) => ({ ...delivery, attempt: 1 })),
  'holds everything up while something waits for its retry': (driver, clock) => {
    let blockedUntil = 0;
    return onSource((source) => ({
      receive: async (max, signal) => {
        if (clock.now() < blockedUntil) {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
          return [];
        }
        return source.receive(max, signal);
      },
      settle: (batch) => {
        for (const one of batch) if (one.action === 'retry') blockedUntil = clock.now() + one.delayMs;
        return source.settle(batch);
      },
    }))(driver, clock);
  },
  'holds everything up for a while when a hundred wait for their retries': (driver, clock) => {
    let waiting = 0;
    return onSource((source) => ({
      receive: async (max, signal) => {
        if (waiting >= 100) {
          await new Promise<void>((resolve) => {
            clock.after(10_000, resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
        return source.receive(max, signal);
      },
      settle: (batch) => {
        waiting += batch.filter((one) => one.action === 'retry' && one.delayMs > 10_000).length;
        return source.settle(batch);
      },
    }))(driver, clock);
  },
  'settles by message, whoever has it now': (driver, clock) => {
    const latest = new Map<string, { source: Source; token: unknown }>();
    const ids = new Map<unknown, string>();
    return onSource((source) => ({
      receive: async (max, signal) => {
        const deliveries = await source.receive(max, signal);
        for (const { token, message } of deliveries) {
          ids.set(token, message.id);
          latest.set(message.id, { source, token });
        }
        return deliveries;
      },
      settle: async (batch) =>
        Promise.all(
          batch.map(async (one) => {
            const holder = latest.get(ids.get(one.token) ?? '');
            return holder ? ((await holder.source.settle([{ ...one, token: holder.token }]))[0] ?? 'stale') : 'stale';
          }),
        ),
    }))(driver, clock);
  },
  'renews nothing and says ok': onSource(() => ({ renew: async (tokens) => tokens.map(() => 'ok') })),
  'lets no lease end': (driver, clock) =>
    onSource((source) => {
      const held = new Set<unknown>();
      const renew = (): void => {
        clock.after((source.leaseMs ?? 0) / 2, () => void source.renew([...held]).then(renew));
      };
      renew();
      return {
        receive: async (max, signal) => {
          const deliveries = await source.receive(max, signal);
          for (const { token } of deliveries) held.add(token);
          return deliveries;
        },
      };
    })(driver, clock),
  'keeps what a closed source had': onSource(() => ({ close: async () => {} })),
  'loses what a closed source had': onSource((source) => {
    const held = new Set<unknown>();
    return {
      receive: async (max, signal) => {
        const deliveries = await source.receive(max, signal);
        for (const { token } of deliveries) held.add(token);
        return deliveries;
      },
      close: async () => {
        await source.settle([...held].map((token) => ({ token, action: 'ack' })));
        await source.close();
      },
    };
  }),
  'throws when a source is closed twice': onSource((source) => {
    let closed = false;
    return {
      close: async () => {
        if (closed) throw new Error('closed already');
        closed = true;
        await source.close();
      },
    };
  }),
  'loses what arrives as a receive is given up': onSource((source) => ({
    receive: async (max, signal) => {
      const deliveries = await source.receive(max, new AbortController().signal);
      if (signal.aborted) {
        await source.settle(deliveries.map(({ token }) => ({ token, action: 'ack' })));
        return [];
      }
      return deliveries;
    },
  })),
  'does not stop waiting when a receive is given up': onSource((source) => ({
    receive: (max) => source.receive(max, new AbortController().signal),
  })),
  'goes on after it was closed': (driver) => ({ ...driver, close: async () => {} }),
  'sends although the call was given up': (driver) => ({
    ...driver,
    // With a promise: what is answered at once can be given up by nobody.
    send: async (batch, { deadlineAt }) => driver.send(batch, { deadlineAt, signal: new AbortController().signal }),
  }),
  'is well although it is closed': (driver) => ({ ...driver, ping: async () => {} }),
  'hangs when its connection breaks': onSource((source) => ({
    receive: (max, signal) => source.receive(max, signal).catch(() => new Promise<never>(() => {})),
  })),
  'thinks it has a source whose connection broke': onSource((source) => ({
    receive: (max, signal) => source.receive(max, signal).catch(() => []),
  })),
};

function harnessFor(mutant: Mutant): MessagingHarness {
  const clock = manualClock();
  const broker = memory({ clock });
  return {
    features: broker.features,
    createDriver: () => mutant(connectTo(broker), clock),
    clock,
    pass: (ms) => clock.advance(ms),
    disconnect: () => broker.client.disconnect(),
    patienceMs: 400,
  };
}

/** The name of the first case that fails, if any does. */
async function firstFailure(harness: MessagingHarness): Promise<string | undefined> {
  const cases: [name: string, run: () => Promise<void>][] = [];
  testMessagingDriver({ it: (name, run) => cases.push([name, run]) }, harness);
  const isLong = ([name]: [name: string, ...unknown[]]): boolean => /^(?:5000|three hundred)/.test(name);
  // The long ones last: most bugs are found without them.
  for (const [name, run] of [...cases.filter((each) => !isLong(each)), ...cases.filter(isLong)]) {
    try {
      await run();
    } catch {
      return name;
    }
  }
  return undefined;
}

describe('the conformance suite', () => {
  it('passes the driver without a bug', { timeout: 600_000 }, async () => {
    expect(await firstFailure({ ...harnessFor((driver) => driver), patienceMs: 100_000 })).toBeUndefined();
  });

  // Some are found by one of the last cases only.
  it.each(Object.keys(mutants))('fails a driver that %s', { timeout: 600_000 }, async (name) => {
    expect(await firstFailure(harnessFor(mutants[name] as Mutant))).toBeDefined();
  });
});
