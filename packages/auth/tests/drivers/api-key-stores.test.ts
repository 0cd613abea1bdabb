import { defineEntity, nullable } from '@ent/database';
import { expect, it } from 'vitest';
import { createApiKeys } from '../../src/api-keys.ts';
import { repositoryApiKeyStore } from '../../src/stores.ts';
import { testApiKeyStore } from '../../src/testing.ts';
import { onDatabases } from '../support/databases.ts';

const entity = defineEntity({
  name: 'api_keys',
  fields: {
    id: 'string',
    subject: 'string',
    name: 'string',
    hash: 'string',
    scopes: 'string',
    createdAt: 'date',
    expiresAt: nullable('date'),
    lastUsedAt: nullable('date'),
    revokedAt: nullable('date'),
    successorId: nullable('string'),
  },
});

onDatabases([entity], (opened) => {
  testApiKeyStore({ it }, { make: () => repositoryApiKeyStore(opened.db.repo(entity)) });

  it('one of many rotations at once gives a key, and no row holds the text of one', async () => {
    const keys = createApiKeys({ store: repositoryApiKeyStore(opened.db.repo(entity)), prefix: 'acme_test' });
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
    const rows = JSON.stringify(await opened.db.repo(entity).find());
    for (const { key, id } of [first, ...made]) expect(rows).not.toContain(key.slice(`acme_test_${id}`.length, -8));
  });
});
