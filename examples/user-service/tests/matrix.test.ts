// The service on each pair of a database, a cache and a broker; `npm run matrix` does all combinations.
import { isRequired } from '@ent/testkit';
import { afterAll, describe, it } from 'vitest';
import { Backends, COVERING, combinations, journey, missingFor } from './matrix.ts';

const backends = new Backends();
afterAll(() => backends.close());

describe('a user of the service registers, logs in, changes, is made an administrator and leaves', () => {
  for (const combination of combinations.slice(0, COVERING)) {
    const { database, cache, broker } = combination;
    it(`on ${database}, ${cache} and ${broker}`, async ({ skip }) => {
      const missing = missingFor(combination).filter(({ name }) => !isRequired(name));
      skip(missing.length > 0, missing.map(({ why }) => why).join('; '));
      await journey(await backends.settingsOf(combination));
    });
  }
});
