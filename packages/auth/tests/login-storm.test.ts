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
