import { expect, it } from 'vitest';
import { createApiKeys } from '../../src/api-keys.ts';
import { repositoryApiKeyStore } from '../../src/stores.ts';
import { testApiKeyStore } from '../../src/testing.ts';
import { apiKeys } from '../fixtures/stored-entities.ts';
import { onDatabases } from '../support/databases.ts';

onDatabases([apiKeys], (opened) => {
  testApiKeyStore({ it }, { make: () => repositoryApiKeyStore(opened.db.repo(apiKeys)) });

  it('one of many rotations at once gives a key, and no row holds the text of one', async () => {
    const keys = createApiKeys({ store: repositoryApiKeyStore(opened.db.repo(apiKeys)), prefix: 'acme_test' });
    const first = await keys.create({ subject: 'ann', name: 'ci', scopes: ['docs:read'] });
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => keys.rotate('ann', first.id)));
    const made = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(made).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'auth.api_key_unknown' });
    }
    const living = (await keys.list('ann')).filter(({ revokedAt }) => revokedAt === null);
    expect(living.map(({ id }) => id).sort()).toEqual([first.id, made[0]?.id].sort());
    for (const { key } of [first, ...made]) expect(await keys.verify(key)).toMatchObject({ subject: 'ann' });
    const rows = JSON.stringify(await opened.db.repo(apiKeys).find());
    for (const { key, id } of [first, ...made]) expect(rows).not.toContain(key.slice(`acme_test_${id}`.length, -8));
  });
});
