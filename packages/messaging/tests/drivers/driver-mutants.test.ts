import { describeWithServer } from '@ent/testkit/vitest';
import { type ChannelModel, connect } from 'amqplib';
import { createClient, type RedisClientType } from 'redis';
import { expect, it } from 'vitest';
import { rabbitmq, rabbitmqFeatures } from '../../src/drivers/rabbitmq/index.ts';
import { redisStreams, redisStreamsFeatures } from '../../src/drivers/redis-streams/index.ts';
import { type MessagingHarness, testMessagingDriver } from '../../src/testing.ts';

// Bugs that the drivers themselves could have: in the scripts that Redis runs, and in what RabbitMQ is told. The suite
// has to find each of them; which of its cases does is named, so that a mutant takes seconds.

interface Mutant {
  readonly name: string;
  /** A part of the name of the case that finds it. */
  readonly foundBy: string;
}

/** A text of a script, and what a bug makes of it. */
interface ScriptMutant extends Mutant {
  readonly text: string;
  readonly bug: string;
}

const SCRIPTS: readonly ScriptMutant[] = [
  {
    name: 'acknowledges what another has by now',
    foundBy: 'a lease that ends gives the message to another',
    text: 'if mine[ARGV[i]] then table.insert(acks, ARGV[i])',
    bug: 'if true then table.insert(acks, ARGV[i])',
  },
  {
    name: 'takes what living consumers have',
    foundBy: 'nothing is delivered twice while it is leased',
    text: "group, 'IDLE', lease, ",
    bug: "group, 'IDLE', 0, ",
  },
  {
    name: 'leaves what dead consumers had',
    foundBy: 'a lease that ends gives the message to another',
    text: 'elseif consumer.pending > 0 then',
    bug: 'elseif consumer.pending > 1000000 then',
  },
  {
    name: 'counts no attempt',
    foundBy: 'what is retried comes back after its delay, with the next attempt',
    text: '{ entry[1], deliveries + 1, entry[2] }',
    bug: '{ entry[1], 1, entry[2] }',
  },
  {
    name: 'counts a release as an attempt',
    foundBy: 'what is released comes back at once, with the same attempt',
    text: "if deliveries and ARGV[i + 2] == '0' then",
    bug: 'if false then',
  },
  {
    name: 'retries in seconds instead of milliseconds',
    foundBy: 'what is retried comes back after its delay',
    text: 'delay == 0 and 0 or now() + delay',
    bug: 'delay == 0 and 0 or now() + delay * 1000',
  },
  {
    name: 'renews what another has by now',
    foundBy: 'a lease that ends gives the message to another',
    text: 'if mine[ARGV[i]] then table.insert(kept, ARGV[i])',
    bug: 'if true then table.insert(kept, ARGV[i])',
  },
  {
    name: 'renews nothing',
    foundBy: 'a renewed lease lasts',
    text: 'if #kept > 0 then',
    bug: 'if false then',
  },
  {
    name: 'loses what a consumer had that leaves',
    foundBy: 'a source that closes gives back what is unsettled',
    text: `'XPENDING', stream, group, '-', '+', 1000000, me)) do\n  local deliveries`,
    bug: `'XPENDING', stream, group, '-', '+', 1000000, 'nobody')) do\n  local deliveries`,
  },
  {
    name: 'calls a delivery of a source that closed an attempt',
    foundBy: 'a source that closes gives back what is unsettled',
    text: 'math.max(0, pending[4] - 1 + ARGV[3])',
    bug: 'math.max(0, pending[4])',
  },
  {
    name: 'counts what is due as delayed',
    foundBy: 'a group is counted',
    text: '(group.lag or 0) + due, waiting - due, ',
    bug: '(group.lag or 0), waiting, ',
  },
  {
    name: 'counts what waits as with somebody',
    foundBy: 'what waits for its next try is counted as delayed',
    text: 'math.max(0, group.pending - waiting)',
    bug: 'group.pending',
  },
  {
    name: 'shows only what is new',
    foundBy: 'browsing shows the first messages',
    text: 'if entry then table.insert(found, entry) end',
    bug: '',
  },
  {
    name: 'shows more than was asked for',
    foundBy: 'browsing shows the first messages',
    text: "'COUNT', most - #found",
    bug: "'COUNT', 1000",
  },
  {
    name: 'remembers a group that was removed',
    foundBy: 'a group that is removed has nothing any more',
    text: "redis.call('HDEL', KEYS[2], ARGV[1])",
    bug: '',
  },
  {
    name: 'makes a topic for messages that nobody gets',
    foundBy: 'a topic without a group is unroutable',
    text: "'XADD', KEYS[1], 'NOMKSTREAM',",
    bug: "'XADD', KEYS[1],",
  },
  {
    name: 'stores half of a batch',
    foundBy: 'messages of a batch, and batches, arrive',
    text: 'for i = 1, #ARGV, 2 do\n  local id',
    bug: 'for i = 1, #ARGV, 4 do\n  local id',
  },
  {
    name: 'gives a new group all that there is',
    foundBy: 'a group that is removed has nothing any more',
    text: "floor or ARGV[2], 'MKSTREAM' }\nif not floor and",
    bug: "floor or '0', 'MKSTREAM' }\nif false and",
  },
];

/** Something that amqplib does, and what a bug makes of it: with the arguments of a call on a channel. */
interface ChannelMutant extends Mutant {
  readonly method: string;
  change(args: unknown[]): unknown[] | undefined;
}

const CHANNELS: readonly ChannelMutant[] = [
  {
    name: 'drops what is released',
    foundBy: 'what is released comes back at once',
    method: 'nack',
    change: ([message]) => [message, false, false],
  },
  {
    name: 'acknowledges all that came before, too',
    foundBy: 'what is acknowledged is done alone',
    method: 'ack',
    change: ([message]) => [message, true],
  },
  {
    name: 'does not acknowledge',
    foundBy: 'what is acknowledged never comes back',
    method: 'ack',
    change: () => undefined,
  },
  {
    name: 'does not see that nobody gets a message',
    foundBy: 'a topic without a group is unroutable',
    method: 'publish',
    change: ([exchange, key, body, options, done]) => [
      exchange,
      key,
      body,
      { ...(options as object), mandatory: false },
      done,
    ],
  },
  {
    name: 'gives what is for one group to nobody',
    foundBy: 'dead letters are replayed to the group',
    method: 'publish',
    change: ([exchange, , ...rest]) => [exchange, '', ...rest],
  },
  {
    name: 'has no bound for what is sent ahead',
    foundBy: 'subscribers of one group share its messages',
    method: 'prefetch',
    change: () => [0],
  },
  {
    name: 'keeps nothing back',
    foundBy: 'what is sent with a delay comes after a part of it',
    method: 'publish',
    // To the queue of the group, past its step.
    change: ([exchange, key, ...rest]) => [exchange, String(key).replace(/\/[\d.]+s$/, ''), ...rest],
  },
  {
    name: 'brings nothing back that it keeps',
    foundBy: 'what is sent with a delay comes after a part of it',
    method: 'assertQueue',
    change: ([queue, options]) => {
      const { arguments: given } = options as { arguments: Record<string, unknown> };
      return [
        queue,
        { arguments: { ...given, ...('x-message-ttl' in given && { 'x-dead-letter-routing-key': '?' }) } },
      ];
    },
  },
  {
    name: 'binds no queue',
    foundBy: 'each group gets every message',
    method: 'bindQueue',
    change: () => undefined,
  },
  {
    name: 'does not remove a group',
    foundBy: 'a group that is removed has nothing any more',
    method: 'deleteQueue',
    change: () => undefined,
  },
];

/** What the named case says of a driver; undefined where it passes. */
async function failureOf(harness: MessagingHarness, foundBy: string): Promise<unknown> {
  const cases: [name: string, run: () => Promise<void>][] = [];
  testMessagingDriver({ it: (name, run) => cases.push([name, run]) }, harness);
  const found = cases.filter(([name]) => name.startsWith(foundBy));
  expect(found.length, `cases named "${foundBy}"`).toBe(1);
  return found[0]![1]().then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** An object of which some methods do something else. Private fields of its class are those of the original. */
function changed<T extends object>(original: T, methods: Readonly<Record<string, (...args: never[]) => unknown>>): T {
  return new Proxy(original, {
    get(target, name) {
      if (typeof name === 'string' && methods[name] !== undefined) return methods[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describeWithServer('redis', (server) => {
  /** A client whose scripts have the bug; `applied` is told of each that has the text. */
  function clientWith({ text, bug }: ScriptMutant, applied: () => void): RedisClientType {
    const eval_ = (client: RedisClientType) => (script: string, options: never) => {
      if (script.includes(text)) applied();
      return client.eval(
        script.replace(text, () => bug),
        options,
      );
    };
    const wrapped = (client: RedisClientType): RedisClientType =>
      changed(client, {
        // Each script is sent with its text.
        evalSha: () => Promise.reject(new Error('NOSCRIPT')),
        eval: eval_(client),
        withCommandOptions: (options: never) => wrapped(client.withCommandOptions(options) as RedisClientType),
      });
    return wrapped(createClient({ url: server.url }).on('error', () => {}) as RedisClientType);
  }

  const harnessOf = (mutant: ScriptMutant, applied: () => void, lease = 1000): MessagingHarness => ({
    features: redisStreamsFeatures,
    patienceMs: 4000,
    createDriver: () => {
      const client = clientWith(mutant, applied);
      const driver = redisStreams({ client, lease });
      return { ...driver, close: () => driver.close().finally(() => client.destroy()) };
    },
  });

  it.each(SCRIPTS)('the suite fails Redis Streams when it $name', async (mutant) => {
    let times = 0;
    const failure = await failureOf(
      harnessOf(mutant, () => times++),
      mutant.foundBy,
    );
    expect(times, 'the script has the bug').toBeGreaterThan(0);
    expect(failure).toBeDefined();
  });

  it('passes Redis Streams without a bug, through the same client', async () => {
    const none = { name: 'none', foundBy: '', text: '', bug: '' };
    for (const foundBy of new Set(SCRIPTS.map((mutant) => mutant.foundBy))) {
      expect(
        await failureOf({ ...harnessOf(none, () => {}, 5000), patienceMs: 100_000 }, foundBy),
        foundBy,
      ).toBeUndefined();
    }
  });
});

describeWithServer('rabbitmq', (server) => {
  function harnessOf(mutant?: ChannelMutant): MessagingHarness {
    const channelWith = <Channel extends object>(channel: Channel): Channel =>
      mutant === undefined
        ? channel
        : changed(channel, {
            [mutant.method]: (...args: unknown[]) => {
              const other = mutant.change(args);
              if (other === undefined) return Promise.resolve();
              return (channel as unknown as Record<string, (...given: unknown[]) => unknown>)[mutant.method]!(...other);
            },
          });
    return {
      features: rabbitmqFeatures,
      patienceMs: mutant ? 4000 : 100_000,
      async createDriver() {
        const connection = await connect(server.url);
        const driver = rabbitmq({
          connection: changed<ChannelModel>(connection, {
            createChannel: async () => channelWith(await connection.createChannel()),
            createConfirmChannel: async () => channelWith(await connection.createConfirmChannel()),
          }),
        });
        return {
          ...driver,
          async close() {
            await driver.close();
            await connection.close();
          },
        };
      },
    };
  }

  it.each(CHANNELS)('the suite fails RabbitMQ when it $name', async (mutant) => {
    expect(await failureOf(harnessOf(mutant), mutant.foundBy)).toBeDefined();
  });

  it('passes RabbitMQ without a bug, through the same connection', async () => {
    for (const foundBy of new Set(CHANNELS.map((mutant) => mutant.foundBy))) {
      expect(await failureOf(harnessOf(), foundBy), foundBy).toBeUndefined();
    }
  });
});
