import assert from 'node:assert/strict';
import { type CaseDefinition, defineCase, firstTextsOf, numbers, textOf, textsOf, wireMessage } from './kit.ts';

/** What a driver must do by itself: the contract in `driver.ts`, line by line. */
export const driverCases: readonly CaseDefinition[] = [
  defineCase('a message arrives with all its attributes and the same bytes', async (kit) => {
    const source = await kit.open('g');
    const bodies = [
      new Uint8Array(0),
      Uint8Array.from({ length: 256 }, (_, at) => at),
      new TextEncoder().encode('"ünïcödé 🔑 \u0000"'),
      new Uint8Array(1_000_000).fill(0x20),
    ];
    const sent = bodies.map((body, at) =>
      wireMessage(kit.topic, body, {
        type: `type.${at}`,
        source: '/a/source',
        subject: at === 0 ? undefined : `sübject 🔑 ${at}`,
        time: 1_900_000_000_123 + at,
        headers: {
          'correlation-id': `c${at}`,
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          x: '',
        },
      }),
    );
    await kit.driver.send(sent, { signal: kit.signal });
    const received = await kit.receive(source, sent.length);
    for (const [at, { message }] of received.entries()) {
      const { body, ...attributes } = message;
      const { body: expected, ...rest } = sent[at] as (typeof sent)[0];
      assert.deepEqual({ ...attributes, headers: { ...attributes.headers } }, rest);
      assert.ok(Buffer.from(body).equals(expected), `body ${at} differs`);
    }
  }),

  defineCase('what the sender changes afterwards does not reach the receiver', async (kit) => {
    const source = await kit.open('g');
    const message = wireMessage(kit.topic, 'before', { headers: { name: 'before' } });
    const sending = kit.driver.send([message], { signal: kit.signal });
    message.body.fill(0x21);
    (message.headers as Record<string, string>).name = 'after';
    await sending;
    const [delivery] = await kit.receive(source, 1);
    assert.equal(textOf(delivery!), 'before');
    assert.equal(delivery?.message.headers.name, 'before');
  }),

  defineCase('messages of a batch, and batches, arrive in the order in which they were sent', async (kit) => {
    if (!kit.driver.features.ordered) return;
    const source = await kit.open('g');
    const all = numbers(300);
    for (let at = 0; at < 300; at += 50) await kit.send(...all.slice(at, at + 50));
    assert.deepEqual(textsOf(await kit.receive(source, 300)), all);
  }),

  defineCase('a topic without a group is unroutable, and answers do not mix up a batch', async (kit) => {
    await kit.open('g');
    const nowhere = `${kit.topic}-nowhere`;
    const topics = [kit.topic, nowhere, kit.topic, nowhere];
    const results = await kit.driver.send(
      topics.map((topic) => wireMessage(topic, 'x')),
      { signal: kit.signal },
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      ['stored', 'unroutable', 'stored', 'unroutable'],
    );
  }),

  defineCase('each group gets every message, and topics are apart', async (kit) => {
    const [a, b] = [await kit.open('a'), await kit.open('b')];
    const elsewhere = await kit.open('a', `${kit.topic}-other`);
    await kit.send(...numbers(20));
    for (const source of [a, b])
      assert.deepEqual(firstTextsOf(await kit.receive(source, 20)).sort(), numbers(20).sort());
    await kit.receiveNothing(elsewhere);
  }),

  defineCase('names differ by case', async (kit) => {
    const [upper, lower] = [await kit.open('G'), await kit.open('g')];
    const elsewhere = await kit.open('g', kit.topic.toUpperCase());
    await kit.send('x');
    await kit.receiveNothing(elsewhere);
    for (const source of [upper, lower]) assert.deepEqual(firstTextsOf(await kit.receive(source, 1)), ['x']);
  }),

  defineCase('subscribers of one group share its messages, each delivered to one', async (kit) => {
    const sources = [await kit.open('g'), await kit.open('g'), await kit.open('g')];
    await kit.send(...numbers(30));
    const all: string[] = [];
    for (const source of sources) all.push(...textsOf(await kit.receive(source, 10)));
    assert.deepEqual(all.sort(), numbers(30).sort());
    for (const source of sources) await kit.receiveNothing(source);
  }),

  defineCase('a group that is made again keeps its messages', async (kit) => {
    const spec = { topic: kit.topic, group: 'g' };
    await kit.driver.ensure(spec, { signal: kit.signal });
    await kit.send('x');
    await kit.driver.ensure(spec, { signal: kit.signal });
    await (await kit.another()).ensure(spec, { signal: kit.signal });
    assert.deepEqual(textsOf(await kit.receive(await kit.open('g'), 1)), ['x']);
  }),

  defineCase('no more is delivered than was asked for', async (kit) => {
    const source = await kit.open('g');
    await kit.send(...numbers(10));
    const first = await source.receive(3, kit.signal);
    assert.ok(first.length >= 1 && first.length <= 3, `asked for 3, got ${first.length}`);
    await kit.receive(source, 10 - first.length);
  }),

  defineCase('nothing is delivered twice while it is leased', async (kit) => {
    const [a, b] = [await kit.open('g'), await kit.open('g')];
    await kit.send('x');
    await kit.receive(a, 1);
    await kit.receiveNothing(a);
    await kit.receiveNothing(b);
  }),

  defineCase('what is acknowledged never comes back', async (kit) => {
    const source = await kit.open('g');
    await kit.send('x', 'y');
    const deliveries = await kit.receive(source, 2);
    assert.deepEqual(await source.settle(deliveries.map(({ token }) => ({ token, action: 'ack' }))), ['ok', 'ok']);
    if (source.leaseMs !== null) await kit.pass(source.leaseMs + 1);
    await source.close();
    await kit.receiveNothing(await kit.open('g'));
  }),

  defineCase('what is released comes back at once, with the same attempt', async (kit) => {
    const source = await kit.open('g');
    await kit.send('x');
    for (let turn = 0; turn < 3; turn++) {
      const [delivery] = await kit.receive(source, 1);
      assert.equal(delivery?.attempt, 1);
      assert.deepEqual(await source.settle([{ token: delivery.token, action: 'release' }]), ['ok']);
    }
  }),

  defineCase('what is retried comes back after its delay, with the next attempt', async (kit) => {
    const source = await kit.open('g');
    await kit.send('x');
    for (let attempt = 1; attempt <= 3; attempt++) {
      const [delivery] = await kit.receive(source, 1);
      assert.equal(delivery?.attempt, attempt);
      const result = await source.settle([{ token: delivery.token, action: 'retry', delayMs: 500 }]);
      assert.deepEqual(result, ['ok']);
      await kit.receiveNothing(source);
    }
    assert.equal((await kit.receive(source, 1))[0]?.attempt, 4);
  }),

  defineCase('a message that waits for its retry holds up no other', async (kit) => {
    const source = await kit.open('g');
    await kit.send('slow', 'next');
    const [slow] = await kit.receive(source, 1);
    await source.settle([{ token: slow!.token, action: 'retry', delayMs: 60_000 }]);
    assert.deepEqual(textsOf(await kit.receive(source, 1)), ['next']);
  }),

  defineCase('settling twice is stale and changes nothing', async (kit) => {
    const source = await kit.open('g');
    await kit.send('x');
    const [delivery] = await kit.receive(source, 1);
    const token = delivery!.token;
    const results = await source.settle([
      { token, action: 'ack' },
      { token, action: 'ack' },
      { token, action: 'release' },
    ]);
    assert.deepEqual(results, ['ok', 'stale', 'stale']);
    assert.deepEqual(await source.settle([{ token, action: 'retry', delayMs: 0 }]), ['stale']);
    await kit.receiveNothing(source);
  }),

  defineCase('a lease that ends gives the message to another, as the next attempt', async (kit) => {
    const [a, b] = [await kit.open('g'), await kit.open('g')];
    if (a.leaseMs === null) return;
    await kit.send('x');
    const [first] = await kit.receive(a, 1);
    await kit.pass(a.leaseMs + 1);
    const [second] = await kit.receive(b, 1);
    assert.equal(second?.attempt, 2);
    // The late answers of the first one must not settle what the second one works on.
    for (const action of ['ack', 'release'] as const) {
      assert.deepEqual(await a.settle([{ token: first!.token, action }]), ['stale']);
    }
    assert.deepEqual(await a.renew([first!.token]), ['stale']);
    await kit.receiveNothing(a);
    assert.deepEqual(await b.settle([{ token: second.token, action: 'ack' }]), ['ok']);
  }),

  defineCase('a renewed lease lasts', async (kit) => {
    const [a, b] = [await kit.open('g'), await kit.open('g')];
    const { leaseMs } = a;
    if (leaseMs === null) return;
    await kit.send('x');
    const [delivery] = await kit.receive(a, 1);
    for (let turn = 0; turn < 4; turn++) {
      await kit.pass(leaseMs * 0.6);
      assert.deepEqual(await a.renew([delivery!.token]), ['ok']);
      await kit.receiveNothing(b);
    }
    assert.deepEqual(await a.settle([{ token: delivery!.token, action: 'ack' }]), ['ok']);
  }),

  defineCase('a source that closes gives back what is unsettled, at once and in order', async (kit) => {
    const source = await kit.open('g');
    await kit.send(...numbers(10));
    const deliveries = await kit.receive(source, 10);
    await source.settle(deliveries.slice(0, 3).map(({ token }) => ({ token, action: 'ack' })));
    await source.close();
    await source.close();
    const late = await source.settle(deliveries.slice(3).map(({ token }) => ({ token, action: 'ack' })));
    assert.deepEqual(new Set(late), new Set(['stale']));
    const again = await kit.receive(await kit.open('g'), 7);
    const texts = textsOf(again);
    assert.deepEqual(kit.driver.features.ordered ? texts : texts.sort(), numbers(10).slice(3));
    assert.deepEqual(new Set(again.map(({ attempt }) => attempt)), new Set([1]));
  }),

  defineCase('a receive that is given up ends soon and loses nothing', async (kit) => {
    const [source, witness] = [await kit.open('g'), await kit.open('g')];
    const before = new AbortController();
    before.abort();
    await kit.send(...numbers(50));
    const got = textsOf(await kit.soon(source.receive(10, before.signal).catch(() => [])));
    for (let turn = 0; turn < 20; turn++) {
      const abort = new AbortController();
      const receiving = source.receive(1, abort.signal).catch(() => []);
      if (turn % 2) await Promise.resolve();
      abort.abort();
      got.push(...textsOf(await kit.soon(receiving)));
    }
    got.push(...textsOf(await kit.receive(witness, 50 - got.length)));
    assert.deepEqual(got.sort(), numbers(50).sort());
  }),

  defineCase('receives that wait are each woken by a message', async (kit) => {
    const sources = await Promise.all(numbers(10).map(() => kit.open('g')));
    const given = new AbortController();
    const waiting = sources.map((source) => source.receive(1, given.signal));
    // Half of them leave: what had been meant for them goes to the others.
    const leaving = new AbortController();
    const gone = sources.map((source) => source.receive(1, leaving.signal).catch(() => []));
    await kit.pass(10);
    leaving.abort();
    await kit.send(...numbers(10));
    await kit.soon(Promise.all(gone));
    const all: string[] = [];
    for (const receiving of waiting) all.push(...textsOf(await kit.soon(receiving)));
    for (const early of await Promise.all(gone)) all.push(...textsOf(early));
    given.abort();
    if (all.length < 10) all.push(...textsOf(await kit.receive(sources[0]!, 10 - all.length)));
    assert.deepEqual(all.sort(), numbers(10).sort());
  }),

  defineCase('what arrives for a receive that is given up at that moment goes to one that waits', async (kit) => {
    const [leaver, stayer] = [await kit.open('g'), await kit.open('g')];
    for (const body of numbers(10)) {
      const [leaving, staying] = [new AbortController(), new AbortController()];
      const gone = leaver.receive(1, leaving.signal).catch(() => []);
      const waiting = stayer.receive(1, staying.signal);
      await kit.pass(1);
      await kit.send(body);
      leaving.abort();
      const early = await kit.soon(gone);
      if (early.length > 0) staying.abort();
      const deliveries = [...early, ...(await kit.soon(waiting))];
      assert.deepEqual(textsOf(deliveries), [body]);
      for (const { token } of early) await leaver.settle([{ token, action: 'ack' }]);
      for (const { token } of deliveries.slice(early.length)) await stayer.settle([{ token, action: 'ack' }]);
    }
  }),

  defineCase('a call whose signal has aborted is refused, and so is any call after close', async (kit) => {
    const driver = await kit.harness.make();
    const aborted = AbortSignal.abort(new Error('given up'));
    const spec = { topic: kit.topic, group: 'g' };
    await assert.rejects(driver.send([wireMessage(kit.topic, 'x')], { signal: aborted }));
    const separate = await kit.another();
    if (separate === driver) return;
    await Promise.all([driver.close(), driver.close(), driver.close()]);
    await driver.close();
    for (const call of [
      () => driver.send([wireMessage(kit.topic, 'x')], { signal: kit.signal }),
      () => driver.open(spec, { signal: kit.signal }),
      () => driver.ping({ signal: kit.signal }),
    ]) {
      await assert.rejects(call());
    }
    await separate.ping({ signal: kit.signal });
  }),

  defineCase(
    'a broken connection kills the source, and what it had given out comes back as the next attempt',
    async (kit) => {
      const source = await kit.open('g');
      await kit.send('x');
      const [delivery] = await kit.receive(source, 1);
      await kit.harness.disconnect?.(kit.driver);
      assert.deepEqual(await source.settle([{ token: delivery!.token, action: 'ack' }]), ['stale']);
      await assert.rejects(kit.soon(source.receive(1, kit.signal)), (error: Error) => error.name !== 'AssertionError');
      const [again] = await kit.receive(await kit.open('g'), 1);
      assert.equal(textOf(again!), 'x');
      assert.equal(again?.attempt, 2);
    },
    'disconnect',
  ),
];
