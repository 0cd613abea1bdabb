import type { MemoryBroker } from '../src/drivers/memory.ts';
import type { Clock, DriverCall, MessagingDriver, Source } from '../src/index.ts';

/** A call that nobody gives up. */
export function patientCall(): DriverCall {
  return { deadlineAt: performance.now() + 600_000, signal: new AbortController().signal };
}

/** A source of which some methods do something else. */
export function sourceWith(source: Source, change: Partial<Source>): Source {
  return {
    leaseMs: source.leaseMs,
    receive: (max, signal) => source.receive(max, signal),
    ...(source.onEnd && { onEnd: (tell) => source.onEnd!(tell) }),
    settle: (batch) => source.settle(batch),
    renew: (tokens) => source.renew(tokens),
    close: () => source.close(),
    ...change,
  };
}

/** A driver whose sources are others. */
export function onSource(driver: MessagingDriver, change: (source: Source) => Partial<Source>): MessagingDriver {
  return {
    ...driver,
    async subscribe(spec, call) {
      const source = await driver.subscribe(spec, call);
      return sourceWith(source, change(source));
    },
  };
}

/** Several drivers on one broker: each may be closed, the broker stays. */
export function connectTo(broker: MessagingDriver): MessagingDriver {
  let closed = false;
  const sources = new Set<Source>();
  const alive = (): void => {
    if (closed) throw new Error('closed');
  };
  return {
    ...broker,
    async connect() {
      alive();
    },
    async ping() {
      alive();
    },
    async close() {
      closed = true;
      await Promise.all([...sources].map((source) => source.close()));
    },
    async ensure(spec, call) {
      alive();
      return broker.ensure(spec, call);
    },
    send(batch, call) {
      alive();
      return broker.send(batch, call);
    },
    async subscribe(spec, call) {
      alive();
      const source = await broker.subscribe(spec, call);
      sources.add(source);
      return source;
    },
    async remove(spec, call) {
      alive();
      return broker.remove(spec, call);
    },
    async count(spec, call) {
      alive();
      return broker.count(spec, call);
    },
  };
}

/** A broker like most: it brings nothing back later, and counts nothing. */
export function ordinary(
  driver: MessagingDriver<MemoryBroker>,
  { delayedRetry = false, countsAttempts = false } = {},
): MessagingDriver<MemoryBroker> {
  const plain = onSource(driver, (source) => ({
    receive: async (max, signal) =>
      (await source.receive(max, signal)).map((delivery) =>
        countsAttempts ? delivery : { ...delivery, attempt: undefined },
      ),
    settle: async (batch) => {
      if (batch.some(({ action }) => action === 'retry')) throw new Error('This broker keeps no retries.');
      return source.settle(batch);
    },
  }));
  return { ...plain, client: driver.client, features: { ...driver.features, delayedRetry, countsAttempts } };
}

/** A broker that keeps back what is sent with a delay, for the half of it each time. */
export function keepingBack(driver: MessagingDriver, clock: Clock): MessagingDriver {
  const LEFT = 'left';
  const telling = onSource(driver, (source) => ({
    receive: async (max, signal) =>
      (await source.receive(max, signal)).map((delivery) => {
        const { [LEFT]: left, ...headers } = delivery.message.headers;
        if (left === undefined) return delivery;
        return { ...delivery, message: { ...delivery.message, headers }, leftMs: Number(left) };
      }),
  }));
  return {
    ...telling,
    features: { ...driver.features, delays: true },
    async send(batch, call) {
      if (batch.every(({ delayMs }) => delayMs === undefined)) return driver.send(batch, call);
      for (const { delayMs = 0, ...message } of batch) {
        const headers = { ...message.headers, [LEFT]: String(delayMs / 2) };
        clock.after(delayMs / 2, () => void driver.send([{ ...message, headers }], patientCall()));
      }
      return batch.map(() => ({ status: 'stored' }));
    },
  };
}
