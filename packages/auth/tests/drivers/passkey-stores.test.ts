import { defineEntity, nullable } from '@ent/database';
import { it } from 'vitest';
import { repositoryPasskeyStore } from '../../src/stores.ts';
import { testPasskeyStore } from '../../src/testing.ts';
import { onDatabases } from '../support/databases.ts';

const entity = defineEntity({
  name: 'passkeys',
  fields: {
    id: 'string',
    credentialId: 'string',
    subject: 'string',
    userHandle: 'string',
    publicKey: 'string',
    counter: 'int',
    transports: 'string',
    synced: 'boolean',
    name: 'string',
    createdAt: 'date',
    lastUsedAt: nullable('date'),
  },
});

onDatabases([entity], (opened) => {
  testPasskeyStore({ it }, { make: () => repositoryPasskeyStore(opened.db.repo(entity)) });
});
