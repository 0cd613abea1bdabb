import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { openMessaging } from '../../src/open.ts';

const LETTERS = 60;
/** Of the fixture: its rate is 50, of which a tenth is under way at once. */
const AT_ONCE = 5;
const PATIENT = { timeout: 100_000 };

/** @param brief where the leases of those who replay end soon, so that what the dead ones had comes back */
async function killedReplay(url: string, brief = url): Promise<void> {
  const topic = uniqueName('replayed');
  const [messaging, replaying] = [await openMessaging(url, PATIENT), await openMessaging(brief, PATIENT)];
  const dying = await messaging.subscribe(topic, { group: 'g', maxAttempts: 1, prefetch: 100 }, () => {
    throw new Error('no');
  });
  const letters = replaying.deadLetters(dying.deadLetter);
  const all = Array.from({ length: LETTERS }, (_, n) => `m${n}`);
  for (const id of all) await messaging.publish(topic, { text: `ünï ${id}` }, { id });
  await expect.poll(() => letters.count(), PATIENT).toBe(LETTERS);
  await dying.close();
  const before = new Map((await letters.list()).map(({ id, body }) => [id, Buffer.from(body).toString('hex')]));

  const seen = new Map<string, number>();
  const bodies = new Set<string>();
  await messaging.subscribe(topic, { group: 'g', prefetch: 100 }, ({ id, data }) => {
    seen.set(id, (seen.get(id) ?? 0) + 1);
    if (Buffer.from(JSON.stringify(data)).toString('hex') === before.get(id)) bodies.add(id);
  });
  for (let kills = 1; kills <= 3; kills++) {
    const child = fork(join(import.meta.dirname, '../fixtures/replaying.ts'), [brief, dying.deadLetter], {
      execArgv: ['--conditions=@ent/source'],
      stdio: 'inherit',
    });
    // Some are done, some under way, and some are left.
    await once(child, 'message');
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await expect.poll(() => letters.count(), PATIENT).toBeGreaterThan(0);
  // What the killed one had comes back when its connection, or its lease, has ended. Not every broker counts it before.
  const seenAfterReplay = async (): Promise<number> => {
    await letters.replay();
    return seen.size;
  };
  await expect.poll(seenAfterReplay, PATIENT).toBe(LETTERS);
  expect([...seen.keys()].toSorted()).toEqual(all.toSorted());
  expect(bodies.size).toBe(LETTERS);
  const twice = [...seen.values()].reduce((sum, times) => sum + times - 1, 0);
  expect(twice).toBeLessThanOrEqual(3 * AT_ONCE);
  await Promise.all([messaging.close(), replaying.close()]);
}

describeWithServer('rabbitmq', (server) => {
  it('no dead letter is lost when who replays them is killed (rabbitmq)', () => killedReplay(server.url));
});

describeWithServer('redis', (server) => {
  it('no dead letter is lost when who replays them is killed (redis)', () =>
    killedReplay(server.url, `${server.url}?lease=1s`));
});
