import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { uniqueName } from '@ent/testkit';
import { describeWithServer, type Run, runHere } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { main } from '../../src/cli.ts';
import { openMessaging } from '../../src/open.ts';

const program = join(import.meta.dirname, '../../src/cli.ts');

function start(args: readonly string[], url: string | undefined, input = '') {
  const { BROKER_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--conditions=@ent/source', program, ...args], {
    env: { ...env, ...(url !== undefined && { BROKER_URL: url }) },
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += String(chunk)));
  child.stderr.on('data', (chunk) => (said.err += String(chunk)));
  child.stdin.end(input);
  const ended = once(child, 'close').then(([code]): Run => ({ code: code as number | null, ...said }));
  return { child, said, ended };
}

const patient = (args: readonly string[]): readonly string[] =>
  args.length === 0 || args.includes('--timeout') ? args : [...args, '--timeout', '1m'];
/** Runs it to its end, in a process of its own. */
const entMq = (args: readonly string[], url?: string, input?: string): Promise<Run> =>
  start(patient(args), url, input).ended;
/** Runs it in this process. */
const entMqHere = (args: readonly string[], url?: string): Promise<Run> =>
  runHere(main, patient(args), { BROKER_URL: url });
const lines = (text: string): string[] => text.trimEnd().split('\n');
const rows = (text: string): Record<string, unknown>[] =>
  text === '' ? [] : lines(text).map((line) => JSON.parse(line) as Record<string, unknown>);

it('tells what is wrong with a command, with exit code 2, and nothing of the URL', async () => {
  const url = 'redis://user:secret-4711@127.0.0.1:1';
  const results: Run[] = [await entMq(['frobnicate'], url), await entMq(['--help'])];
  expect(results.map(({ code }) => code)).toEqual([2, 0]);
  expect(results[0]!.err).toContain('There is no command "frobnicate".');
  expect(results[1]!.out).toContain('ent-mq dlq replay LETTERS');
  for (const args of [
    [],
    ['toString'],
    ['topics', '--max', '1'],
    ['topics', '--nothing'],
    ['lag', 't', 'g', '--max', 'many'],
    ['dlq', 'replay', 't.g.dead'],
    ['dlq', 'purge', 't.g.dead', 'id', '--all'],
    ['publish', 't', 'no json'],
    ['topics', '--url', 'nowhere:secret-4711'],
  ]) {
    const result = await entMqHere(args, url);
    expect(result.code, args.join(' ')).toBe(2);
    results.push(result);
  }
  for (const none of [undefined, '']) {
    const { code, err } = await entMqHere(['topics'], none);
    expect([code, err]).toEqual([2, expect.stringContaining('A .env file is read by: node --env-file=.env ')]);
  }
  expect(results[3]!.err).toContain('There is no command "toString".');
  for (const { err, out } of results) expect(err + out).not.toContain('4711');
});

it('tells that the broker cannot be reached, with exit code 3', async () => {
  for (const url of ['redis://127.0.0.1:1', 'amqp://127.0.0.1:1']) {
    const { code, err } = await entMq(['lag', 't', 'g', '--timeout', '2s'], url);
    expect([code, err]).toEqual([3, expect.stringMatching(/\(messaging\.(unavailable|timeout)\)/)]);
  }
});

/** On any broker. */
async function looksAfterLetters(url: string, leased: number | null): Promise<void> {
  const topic = uniqueName('orders');
  const messaging = await openMessaging(url, { timeout: '1m' });
  const { deadLetter, ...dying } = await messaging.subscribe(topic, { group: 'g', maxAttempts: 1 }, () => {
    throw new TypeError('no');
  });
  const published = await entMq(
    ['publish', topic, '--key', 'k', '--header', 'tenant=t1', '--json'],
    url,
    '{"n":1}\n\n{"n":2}\n{"n":3}\n',
  );
  const ids = rows(published.out).map(({ id }) => id as string);
  expect([published.code, ids.length]).toEqual([0, 3]);
  await expect.poll(() => messaging.deadLetters(deadLetter).count()).toBe(3);
  await dying.close();

  const listed = await entMqHere(['dlq', 'list', deadLetter, '--json'], url);
  expect(rows(listed.out).map(({ id, reason, attempts }) => [id, reason, attempts])).toEqual(
    ids.map((id) => [id, 'TypeError', 1]),
  );
  for (const { died } of rows(listed.out)) expect(new Date(died as string).getTime()).toBeGreaterThan(0);
  const table = await entMqHere(['dlq', 'list', deadLetter, '--limit', '1'], url);
  expect(lines(table.out)).toEqual([
    expect.stringMatching(/^id +time +died +topic +group +attempts +reason$/),
    expect.stringContaining(ids[0]!),
  ]);
  const shown = await entMqHere(['dlq', 'show', deadLetter, ids[1]!], url);
  expect(JSON.parse(shown.out)).toMatchObject({
    id: ids[1],
    topic,
    group: 'g',
    data: { n: 2 },
    headers: { tenant: 't1', 'partition-key': 'k' },
  });
  expect((await entMq(['dlq', 'show', deadLetter, 'nobody'], url)).code).toBe(1);

  const seen: unknown[] = [];
  await messaging.subscribe(topic, { group: 'g' }, ({ data }) => seen.push(data));
  const one = await entMqHere(['dlq', 'replay', deadLetter, ids[1]!, 'nobody'], url);
  expect([one.code, one.out, one.err]).toEqual([
    1,
    'replayed 1, 2 left\n',
    'replayed 1 of 2\nent-mq: there is no letter "nobody".\n',
  ]);
  const all = await entMqHere(['dlq', 'replay', deadLetter, '--all', '--rate', '1000', '--json'], url);
  expect([all.code, JSON.parse(all.out), all.err]).toEqual([
    0,
    { done: 2, missing: [], left: 0 },
    expect.stringContaining('replayed 2 of 2'),
  ]);
  await expect.poll(() => seen).toEqual([{ n: 2 }, { n: 1 }, { n: 3 }]);

  const empty = await entMqHere(['dlq', 'list', deadLetter], url);
  expect([empty.code, empty.out, empty.err]).toEqual([0, '', `ent-mq: no dead letters in "${deadLetter}".\n`]);
  const mistyped = `${topic}.h.dead`;
  for (const args of [
    ['list', mistyped],
    ['show', mistyped, 'm1'],
    ['replay', mistyped, '--all'],
    ['purge', mistyped, '--all'],
  ]) {
    const { code, err } = await entMqHere(['dlq', ...args], url);
    expect([code, err]).toEqual([1, `ent-mq: there is no topic "${mistyped}" with the group "dead".\n`]);
  }

  await messaging.close();
  await entMqHere(['publish', topic, '1', '--id', 'm1'], url);
  const lag = await entMqHere(['lag', topic, 'g', '--json'], url);
  expect([lag.code, rows(lag.out)]).toEqual([0, [{ topic, group: 'g', ready: 1, delayed: 0, leased, dead: 0 }]]);
  expect((await entMqHere(['lag', topic, 'g', '--max', '0'], url)).code).toBe(1);
  expect((await entMqHere(['lag', topic, 'nobody'], url)).code).toBe(1);
  expect((await entMqHere(['groups', 'remove', topic, 'g'], url)).code).toBe(2);
  expect((await entMqHere(['groups', 'remove', topic, 'g', '--yes'], url)).code).toBe(0);
  expect((await entMqHere(['lag', topic, 'g'], url)).code).toBe(1);
  expect((await entMqHere(['dlq', 'purge', deadLetter, '--all'], url)).out).toBe('purged 0, 0 left\n');
}

async function tails(url: string): Promise<void> {
  const topic = uniqueName('tailed');
  const messaging = await openMessaging(url, { timeout: '1m' });
  const brief = start(['tail', topic, '--count', '2', '--json'], url);
  const endless = start(['tail', topic], url);
  // Each is a group of its own, which is there some time after its start.
  let isBriefOver = false;
  void brief.ended.then(() => (isBriefOver = true));
  const published = async (): Promise<boolean> => {
    await messaging.publish(topic, { text: 'hello' });
    return isBriefOver && lines(endless.said.out).length > 1;
  };
  await expect.poll(published, { timeout: 90_000, interval: 200 }).toBe(true);
  const { code, out } = await brief.ended;
  expect([code, rows(out).length, rows(out)[0]]).toEqual([
    0,
    2,
    expect.objectContaining({ topic, data: { text: 'hello' } }),
  ]);
  expect(lines(endless.said.out)[0]).toContain(`${topic} {"text":"hello"}`);
  endless.child.kill('SIGINT');
  expect((await endless.ended).code).toBe(130);
  // Their groups are gone.
  expect((await messaging.publish(topic, 1)).status).toBe('unroutable');
  await messaging.close();
}

describeWithServer('redis', (server) => {
  it('looks after the dead letters of Redis', () => looksAfterLetters(server.url, 0));

  it('shows what is published to Redis', () => tails(server.url));

  it('lists topics, groups and lag', async () => {
    const topic = uniqueName('listed');
    const messaging = await openMessaging(server.url, { timeout: '1m' });
    for (const group of ['a', 'b']) await messaging.subscribe(topic, { group }, () => {}).then((one) => one.close());
    await messaging.publish(topic, 1);
    await messaging.close();
    const topics = await entMqHere(['topics', '--json', '--url', server.url]);
    const groups = await entMqHere(['groups', topic], server.url);
    const lag = await entMqHere(['lag', topic, '--json'], server.url);
    // The dead letters of a group stand beside it.
    const all = await entMqHere(['lag', '--json'], server.url);
    const own = rows(all.out).filter((row) => String(row['topic']).startsWith(topic));
    expect(own.map((row) => [row['topic'], row['group']])).toEqual([
      [topic, 'a'],
      [topic, 'b'],
    ]);
    expect(rows(topics.out)).toContainEqual({ topic, groups: 2 });
    expect(lines(groups.out)).toEqual([
      expect.stringMatching(/^topic +group$/),
      expect.stringMatching(/ {2}a$/),
      expect.stringMatching(/ {2}b$/),
    ]);
    expect(
      rows(lag.out).map(({ group, ready, delayed, leased, dead }) => [group, ready, delayed, leased, dead]),
    ).toEqual([
      ['a', 1, 0, 0, 0],
      ['b', 1, 0, 0, 0],
    ]);
  });
});

describeWithServer('rabbitmq', (server) => {
  it('looks after the dead letters of RabbitMQ', () => looksAfterLetters(server.url, null));

  it('shows what is published to RabbitMQ', () => tails(server.url));

  it('takes patterns and priorities where RabbitMQ does', async () => {
    const url = `${server.url}/%2F?queues=classic&priorities=true`;
    const base = uniqueName('shop');
    const messaging = await openMessaging(url, { timeout: '1m' });
    await (await messaging.subscribe(`${base}.*`, { group: 'g' }, () => {})).close();
    const low = await entMqHere(['publish', `${base}.a`, '1', '--priority', '7'], url);
    const refused = await entMqHere(['publish', `${base}.a`, '1', '--priority', 'high'], url);
    expect([low.code, refused.code]).toEqual([0, 2]);
    const lag = await entMqHere(['lag', `${base}.*`, 'g', '--json'], url);
    expect(rows(lag.out)).toEqual([expect.objectContaining({ topic: `${base}.*`, group: 'g', ready: 1 })]);

    const tail = start(['tail', `${base}.*`, '--count', '1', '--json'], url);
    let isOver = false;
    void tail.ended.then(() => (isOver = true));
    const published = async (): Promise<boolean> => {
      await messaging.publish(`${base}.b`, 2, { priority: 3 });
      return isOver;
    };
    await expect.poll(published, { interval: 200 }).toBe(true);
    expect(rows((await tail.ended).out)).toEqual([expect.objectContaining({ topic: `${base}.b`, data: 2 })]);

    const seen: string[] = [];
    await messaging.subscribe(`${base}.*`, { group: 'g' }, ({ headers }) => seen.push(headers['delivery-priority']!));
    await expect.poll(() => seen[0]).toBe('7');
    await messaging.close();
  });

  it('says that RabbitMQ does not tell its topics', async () => {
    const { code, err } = await entMqHere(['topics'], server.url);
    expect([code, err]).toEqual([2, expect.stringContaining('messaging.unsupported')]);
  });
});
