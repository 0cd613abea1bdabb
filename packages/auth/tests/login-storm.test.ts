import { setTimeout as pause } from 'node:timers/promises';
import { itInDepth } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { argon2 } from '../src/drivers/argon2.ts';
import { createAccessTokens, createKeyRing, createPasswords, generateKey } from '../src/index.ts';

// A thread of libuv's pool does one hash after the other, and web crypto waits in the same queue. What is compared is
// the order in which things end, and no time.
it.each(['EdDSA', 'ES256'] as const)('a storm of logins does not delay a token check (%s)', async (algorithm) => {
  const keys = createKeyRing({ active: (await generateKey(algorithm)).key });
  // None is remembered: each check looks at the signature.
  const tokens = createAccessTokens({ issuer: 'me', audience: 'me', keys, cacheSize: 0 });
  const passwords = createPasswords({ driver: argon2(), queue: 1000, maxWait: '10m' });
  const { token } = await tokens.issue({ subject: 'ann', sessionId: 's' });
  let ended = 0;
  const logins = Array.from({ length: 40 }, () => passwords.verify('a wrong password', undefined).then(() => ended++));
  for (let check = 1; check <= 5; check++) {
    const before = ended;
    await tokens.verify(token);
    // Behind all of them it would be the last: 36 and more would have ended before it.
    expect(ended - before).toBeLessThan(20);
  }
  await Promise.all(logins);
  expect(ended).toBe(40);
});

/** Milliseconds that token checks took, one every two milliseconds, until `over`. */
async function checkTimes(check: () => Promise<unknown>, over: (checks: number) => boolean): Promise<number[]> {
  const times: number[] = [];
  while (!over(times.length)) {
    const began = performance.now();
    await check();
    times.push(performance.now() - began);
    await pause(2);
  }
  return times;
}

function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] as number;
}

// The second tells what the gate is worth: without it each check waits for hashes, tens of milliseconds.
for (const [seen, cacheSize] of [
  ['was seen before', 1000],
  ['was not seen before', 0],
] as const) {
  const name = `at most doubles the p99 of checks of a token that ${seen}`;
  itInDepth(name, { full: 500, ci: 0, of: 'logins at once' }, async ({ count }) => {
    const keys = createKeyRing({ active: (await generateKey()).key });
    const tokens = createAccessTokens({ issuer: 'me', audience: 'me', keys, cacheSize });
    const passwords = createPasswords({ driver: argon2(), queue: count, maxWait: '10m' });
    const { token } = await tokens.issue({ subject: 'ann', sessionId: 's' });
    const check = () => tokens.verify(token);
    await checkTimes(check, (checks) => checks === 1000);
    const before = await checkTimes(check, (checks) => checks === 1500);
    let ended = 0;
    const logins = Array.from({ length: count }, () =>
      passwords.verify('a wrong password', undefined).then(() => ended++),
    );
    const during = await checkTimes(check, () => ended === count);
    await Promise.all(logins);
    const after = await checkTimes(check, (checks) => checks === 1500);
    const [idle, storm] = [p99([...before, ...after]), p99(during)];
    console.log(`p99 of ${during.length} checks: ${idle.toFixed(3)} ms idle, ${storm.toFixed(3)} ms in the storm`);
    expect(storm).toBeLessThan(2 * idle);
  });
}
