import assert from 'node:assert/strict';
import { firstTextsOf, type MessagingCase, numbers, textsOf, wireMessage } from './kit.ts';

/** What a driver must do by itself (the contract in `driver.ts`, line by line): sending, groups, receiving. */
export const driverCases: readonly MessagingCase[] = [
  {
    name: 'a message arrives with all its attributes and the same bytes',
    async run(kit) {
      const source = await kit.subscribe('g');
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
      await kit.driver.send(sent, kit.call);
      const received = await kit.receive(source, sent.length);
      for (const [at, { message }] of received.entries()) {
        const { body, ...attributes } = message;
        const { body: expected, ...rest } = sent[at] as (typeof sent)[0];
        assert.deepEqual({ ...attributes, headers: { ...attributes.headers } }, rest);
        assert.ok(Buffer.from(body).equals(expected), `body ${at} differs`);
      }
    },
  },
  {
    name: 'what the sender changes afterwards does not reach the receiver',
    async run(kit) {
      const source = await kit.subscribe('g');
      const message = wireMessage(kit.topic, 'before', { headers: { name: 'before' } });
      const sending = kit.driver.send([message], kit.call);
      message.body.fill(0x21);
      (message.headers as Record<string, string>).name = 'after';
      await sending;
      const received = await kit.receive(source, 1);
      assert.deepEqual(textsOf(received), ['before']);
      assert.equal(received[0]?.message.headers.name, 'before');
    },
  },
  {
    name: 'messages of a batch, and batches, arrive in the order in which they were sent',
    when: ({ features }) => features.ordered,
    async run(kit) {
      const source = await kit.subscribe('g');
      const all = numbers(300);
      for (let at = 0; at < 300; at += 50) await kit.send(...all.slice(at, at + 50));
      assert.deepEqual(textsOf(await kit.receive(source, 300)), all);
    },
  },
  {
    name: 'what waits is delivered by its priority, and equal ones in their order',
    when: ({ features }) => features.priority,
    async run(kit) {
      const priorities = ['0', '9', '5', '0', '9'];
      await kit.driver.ensure({ topic: kit.topic, group: 'g' }, kit.call);
      const sent = priorities.map((priority, at) =>
        wireMessage(kit.topic, `${priority} ${at}`, {
          headers: priority === '0' ? {} : { 'delivery-priority': priority },
        }),
      );
      await kit.driver.send(sent, kit.call);
      const source = await kit.subscribe('g', { prefetch: 1 });
      const received: string[] = [];
      while (received.length < sent.length) {
        const [delivery] = await kit.receive(source, 1);
        received.push(...textsOf([delivery!]));
        await source.settle([{ token: delivery!.token, action: 'ack' }]);
      }
      assert.deepEqual(received, ['9 1', '9 4', '5 2', '0 0', '0 3']);
    },
  },
  {
    name: 'a topic without a group is unroutable, and answers do not mix up a batch',
    async run(kit) {
      await kit.subscribe('g');
      const nowhere = `${kit.topic}-nowhere`;
      const topics = [kit.topic, nowhere, kit.topic, nowhere];
      const results = await kit.driver.send(
        topics.map((topic) => wireMessage(topic, 'x')),
        kit.call,
      );
      assert.deepEqual(
        results.map(({ status }) => status),
        ['stored', 'unroutable', 'stored', 'unroutable'],
      );
    },
  },
  {
    name: 'each group gets every message, and topics are apart',
    async run(kit) {
      const [a, b] = [await kit.subscribe('a'), await kit.subscribe('b')];
      const elsewhere = await kit.subscribe('a', { topic: `${kit.topic}-other` });
      await kit.send(...numbers(20));
      for (const source of [a, b])
        assert.deepEqual(firstTextsOf(await kit.receive(source, 20)).sort(), numbers(20).sort());
      await kit.receiveNothing(elsewhere);
    },
  },
  {
    name: 'names differ by case',
    async run(kit) {
      const [upper, lower] = [await kit.subscribe('G'), await kit.subscribe('g')];
      const elsewhere = await kit.subscribe('g', { topic: kit.topic.toUpperCase() });
      await kit.send('x');
      await kit.receiveNothing(elsewhere);
      for (const source of [upper, lower]) assert.deepEqual(firstTextsOf(await kit.receive(source, 1)), ['x']);
    },
  },
  {
    name: 'subscribers of one group share its messages, each delivered to one',
    async run(kit) {
      const sources = await Promise.all([1, 2, 3].map(() => kit.subscribe('g', { prefetch: 10 })));
      await kit.send(...numbers(30));
      const all: string[] = [];
      for (const source of sources) all.push(...textsOf(await kit.receive(source, 10)));
      assert.deepEqual(all.sort(), numbers(30).sort());
      for (const source of sources) await kit.receiveNothing(source);
    },
  },
  {
    name: 'a group that is made again keeps its messages',
    async run(kit) {
      const spec = { topic: kit.topic, group: 'g' };
      await kit.driver.ensure(spec, kit.call);
      await kit.send('x');
      await kit.driver.ensure(spec, kit.call);
      await (await kit.another()).ensure(spec, kit.call);
      assert.deepEqual(textsOf(await kit.receive(await kit.subscribe('g'), 1)), ['x']);
    },
  },
  {
    name: 'no more is delivered than was asked for',
    async run(kit) {
      const source = await kit.subscribe('g');
      await kit.send(...numbers(10));
      const first = await source.receive(3, kit.signal);
      assert.ok(first.length >= 1 && first.length <= 3, `asked for 3, got ${first.length}`);
      await kit.receive(source, 10 - first.length);
    },
  },
  {
    name: 'a receive that is given up ends soon and loses nothing',
    async run(kit) {
      const [source, witness] = [await kit.subscribe('g'), await kit.subscribe('g')];
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
    },
  },
  {
    name: 'receives that wait are each woken by a message',
    async run(kit) {
      const sources = await Promise.all(numbers(10).map(() => kit.subscribe('g', { prefetch: 1 })));
      const given = new AbortController();
      const waiting = sources.map((source) => source.receive(1, given.signal));
      // Half of them leave: what had been meant for them goes to the others.
      const leavers = await Promise.all(numbers(10).map(() => kit.subscribe('g', { prefetch: 1 })));
      const leaving = new AbortController();
      const gone = leavers.map((source) => source.receive(1, leaving.signal).catch(() => []));
      await kit.pass(10);
      leaving.abort();
      await kit.send(...numbers(10));
      await kit.soon(Promise.all(gone));
      const all: string[] = [];
      for (const receiving of waiting) all.push(...textsOf(await kit.soon(receiving)));
      for (const early of await Promise.all(gone)) all.push(...textsOf(early));
      given.abort();
      if (all.length < 10) all.push(...textsOf(await kit.receive(leavers[0]!, 10 - all.length)));
      assert.deepEqual(all.sort(), numbers(10).sort());
    },
  },
  {
    name: 'what arrives for a receive that is given up at that moment goes to one that waits',
    async run(kit) {
      const [leaver, stayer] = [await kit.subscribe('g'), await kit.subscribe('g')];
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
    },
  },
  {
    name: 'connecting is done once, and nothing needs it',
    async run(kit) {
      const [driver, other] = [kit.driver, await kit.another()];
      await Promise.all([driver.connect(kit.call), driver.connect(kit.call), driver.ping(kit.call)]);
      await driver.connect(kit.call);
      const spec = { topic: kit.topic, group: 'g' };
      // None of these has been connected before.
      await other.ping(kit.call);
      await (await kit.another()).ensure(spec, kit.call);
      const [result] = await (await kit.another()).send([wireMessage(kit.topic, 'x')], kit.call);
      assert.equal(result?.status, 'stored');
      const source = await (await kit.another()).subscribe({ ...spec, prefetch: 1 }, kit.call);
      assert.deepEqual(textsOf(await kit.receive(source, 1)), ['x']);
      await source.close();
    },
  },
  {
    name: 'a call that was given up is refused, and so is any call after close',
    async run(kit) {
      const driver = await kit.another();
      const separate = await kit.another();
      const spec = { topic: kit.topic, group: 'g' };
      const givenUp = { deadlineAt: kit.call.deadlineAt, signal: AbortSignal.abort(new Error('given up')) };
      // What is answered without a promise can be given up by nobody, and the core has looked before.
      const sending = async (): Promise<void> => {
        const answer = driver.send([wireMessage(kit.topic, 'x')], givenUp);
        if (!(answer instanceof Promise)) throw new Error('It was not given up.');
        await answer;
      };
      await assert.rejects(sending());
      await Promise.all([driver.close(), driver.close(), driver.close()]);
      await driver.close();
      for (const call of [
        () => driver.connect(kit.call),
        () => driver.ping(kit.call),
        () => driver.ensure(spec, kit.call),
        async () => driver.send([wireMessage(kit.topic, 'x')], kit.call),
        () => driver.subscribe({ ...spec, prefetch: 1 }, kit.call),
      ]) {
        await assert.rejects(call());
      }
      await separate.ping(kit.call);
    },
  },
];
