import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { requiredArgument as required, type Terminal, UsageError } from '@ent/internal';
import type { DeadLetter } from '../../dead-letters.ts';
import type { WireMessage } from '../../driver.ts';
import type { Messaging, TopicGroup } from '../../messaging.ts';
import type { PublishOptions } from '../../options.ts';
import type { GroupStats } from '../../subscription.ts';
import { systemClock, createTiming } from '../clock.ts';
import { checkSubscribable } from '../patterns.ts';
import { DEAD_GROUP, deadLetterTopicOf } from '../setup.ts';
import { Taking } from '../taking.ts';
import { expectOnly, numberOf, type Values } from './usage.ts';

/** What a command works with. */
export interface Work {
  readonly messaging: Messaging;
  readonly values: Values;
  readonly terminal: Terminal;
  /** Aborts when somebody interrupts. */
  readonly signal: AbortSignal;
}

/** Answers the exit code. */
type Command = (work: Work, args: readonly string[]) => Promise<number>;

const topics: Command = async ({ messaging, values, terminal }) => {
  expectOnly('topics', values);
  const groups = new Map<string, number>();
  for (const { topic } of await messaging.groups()) groups.set(topic, (groups.get(topic) ?? 0) + 1);
  terminal.table([...groups].map(([topic, count]) => ({ topic, groups: count })));
  return 0;
};

const groups: Command = async ({ messaging, values, terminal }, args) => {
  if (args[0] === 'remove') {
    expectOnly('groups remove', values, 'yes');
    const [topic, group] = [required(args[1], 'TOPIC', 'groups remove'), required(args[2], 'GROUP', 'groups remove')];
    if (values.yes !== true) throw new UsageError('groups remove loses what waits for the group: say --yes.');
    await messaging.removeGroup(topic, group);
    return 0;
  }
  expectOnly('groups', values);
  const all = await messaging.groups();
  terminal.table(all.filter(({ topic }) => args[0] === undefined || topic === args[0]));
  return 0;
};

/** The dead letters of a group are counted with it. */
function withoutLetters(all: readonly TopicGroup[]): readonly TopicGroup[] {
  const letters = new Set(all.map(({ topic, group }) => deadLetterTopicOf(topic, group)));
  return all.filter(({ topic, group }) => group !== DEAD_GROUP || !letters.has(topic));
}

const lag: Command = async ({ messaging, values, terminal }, [topic, group]) => {
  expectOnly('lag', values, 'max');
  const max = numberOf(values, 'max') ?? Infinity;
  const all =
    topic !== undefined && group !== undefined
      ? [{ topic, group }]
      : topic === undefined
        ? withoutLetters(await messaging.groups())
        : (await messaging.groups()).filter((one) => one.topic === topic);
  const rows: (TopicGroup & Omit<GroupStats, 'leased'> & { leased: number | null })[] = [];
  for (const one of all) {
    const stats = await messaging.stats(one.topic, one.group);
    // What the broker does not tell is told as that: JSON has no undefined.
    if (stats) rows.push({ ...one, ...stats, leased: stats.leased ?? null });
  }
  if (rows.length === 0 && topic !== undefined) {
    terminal.complain(`there is no group ${group ?? ''} of "${topic}".`.replace('  ', ' '));
    return 1;
  }
  terminal.table(rows);
  return rows.some(({ ready }) => ready > max) ? 1 : 0;
};

/** Whether there is such a topic; who mistypes it is told. */
async function isThere(messaging: Messaging, terminal: Terminal, letters: string): Promise<boolean> {
  if ((await messaging.stats(letters, DEAD_GROUP)) !== undefined) return true;
  terminal.complain(`there is no topic "${letters}" with the group "${DEAD_GROUP}".`);
  return false;
}

const list: Command = async ({ messaging, values, terminal }, args) => {
  expectOnly('dlq list', values, 'limit');
  const limit = numberOf(values, 'limit') ?? 100;
  const topic = required(args[0], 'LETTERS', 'dlq list');
  if (!(await isThere(messaging, terminal, topic))) return 1;
  const letters = await messaging.deadLetters(topic).list({ limit });
  if (letters.length === 0) terminal.complain(`no dead letters in "${topic}".`);
  terminal.table(
    letters.map(({ id, time, diedAt, topic: origin, group, attempts, reason }) => {
      return { id, time, died: diedAt ?? null, topic: origin, group, attempts, reason };
    }),
  );
  return 0;
};

const show: Command = async ({ messaging, values, terminal }, args) => {
  expectOnly('dlq show', values);
  const id = required(args[1], 'ID', 'dlq show');
  const topic = required(args[0], 'LETTERS', 'dlq show');
  if (!(await isThere(messaging, terminal, topic))) return 1;
  const letter = await messaging.deadLetters(topic).show(id);
  if (!letter) {
    terminal.complain(`there is no letter "${id}".`);
    return 1;
  }
  const data = readable(letter);
  terminal.result(
    { ...letter, ...data, body: undefined },
    JSON.stringify({ ...letter, ...data, body: undefined }, null, 2),
  );
  return 0;
};

const over =
  (what: 'replay' | 'purge'): Command =>
  async ({ messaging, values, terminal, signal }, [letters, ...ids]) => {
    const name = `dlq ${what}`;
    if (what === 'replay') expectOnly(name, values, 'all', 'rate');
    else expectOnly(name, values, 'all');
    const topic = required(letters, 'LETTERS', name);
    if ((values.all === true) === ids.length > 0) throw new UsageError(`${name} takes the ids of letters, or --all.`);
    const rate = numberOf(values, 'rate');
    if (!(await isThere(messaging, terminal, topic))) return 1;
    const past = what === 'replay' ? 'replayed' : 'purged';
    const options = {
      signal,
      ...(ids.length > 0 && { ids }),
      ...(rate !== undefined && { rate }),
      onProgress: (done: number, total: number) => terminal.progress(past, done, total),
    };
    const result = await messaging.deadLetters(topic)[what](options);
    const { done, missing, left } = result;
    terminal.result(result, `${past} ${done}, ${left} left`);
    for (const id of missing) terminal.complain(`there is no letter "${id}".`);
    return missing.length > 0 ? 1 : 0;
  };

const dlq: Command = (work, [what, ...args]) => {
  const command = { list, show, replay: over('replay'), purge: over('purge') }[what ?? ''];
  if (!command) throw new UsageError('dlq takes list, show, replay or purge.');
  return command(work, args);
};

const publish: Command = async ({ messaging, values, terminal, signal }, args) => {
  const { id, type, subject, key, header, delay, ttl, mandatory } = values;
  expectOnly('publish', values, 'id', 'type', 'subject', 'key', 'header', 'delay', 'ttl', 'priority', 'mandatory');
  const topic = required(args[0], 'TOPIC', 'publish');
  const headers = Object.fromEntries((header ?? []).map(headerOf));
  const given = { id, type, subject, key, delay, ttl, priority: numberOf(values, 'priority'), mandatory };
  const options = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as PublishOptions;
  const send = async (text: string): Promise<void> => {
    const published = await messaging.publish(topic, dataOf(text), { ...options, headers, signal });
    terminal.result(published, `${published.id} ${published.status}`);
  };
  if (args[1] !== undefined) {
    await send(args[1]);
    return 0;
  }
  if (id !== undefined) throw new UsageError('--id is for one message: give its DATA.');
  for await (const line of createInterface({ input: process.stdin })) if (line.trim() !== '') await send(line);
  return 0;
};

const tail: Command = async ({ messaging, values, terminal, signal }, args) => {
  expectOnly('tail', values, 'count');
  const count = numberOf(values, 'count') ?? Infinity;
  const { driver } = messaging;
  const spec = { topic: checkSubscribable(driver, required(args[0], 'TOPIC', 'tail')), group: `tail.${randomUUID()}` };
  const patient = () => ({ deadlineAt: performance.now() + 10_000, signal: AbortSignal.timeout(10_000) });
  await driver.ensure(spec, patient());
  try {
    const taking = new Taking(
      await driver.subscribe({ ...spec, prefetch: 100 }, patient()),
      createTiming(systemClock, Math.random),
    );
    try {
      for (let seen = 0; seen < count && !signal.aborted; ) {
        const messages = (await taking.take(Math.min(100, count - seen), signal)).slice(0, count - seen);
        for (const message of messages) printed(terminal, message);
        if (messages.length > 0) await taking.done(messages);
        seen += messages.length;
      }
    } finally {
      await taking.close();
    }
  } finally {
    await driver.remove(spec, patient());
  }
  return 0;
};

function printed(
  terminal: Terminal,
  { id, topic, type, source, subject, time, contentType, headers, body }: WireMessage,
): void {
  const about = { id, topic, type, source, subject, time: new Date(time), headers };
  const data = readable({ contentType, body });
  terminal.result(
    { ...about, ...data },
    `${about.time.toISOString()} ${id} ${type} ${JSON.stringify(data.data ?? data.base64)}`,
  );
}

/** The data of a message; as base64 where it is no JSON. */
function readable({ contentType, body }: Pick<DeadLetter, 'contentType' | 'body'>): {
  data?: unknown;
  base64?: string;
} {
  const bytes = Buffer.from(body);
  try {
    if (contentType.includes('json')) return { data: JSON.parse(bytes.toString()) as unknown };
  } catch {
    // It may be why it is dead.
  }
  return { base64: bytes.toString('base64') };
}

function dataOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError('The data must be JSON; a text is written "in quotes".');
  }
}

function headerOf(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError('--header is NAME=VALUE.');
  return [text.slice(0, at), text.slice(at + 1)];
}

export const COMMANDS: Readonly<Record<string, Command>> = { topics, groups, lag, dlq, publish, tail };
