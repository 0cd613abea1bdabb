import { defineEntity } from '@ent/database';
import { it } from 'vitest';
import { repositoryIdentityStore } from '../../src/stores.ts';
import { testIdentityStore } from '../../src/testing.ts';
import { onDatabases } from '../support/databases.ts';

const entity = defineEntity({
  name: 'identities',
  fields: { id: 'string', issuer: 'string', externalSubject: 'string', subject: 'string', createdAt: 'date' },
});

onDatabases([entity], (opened) => {
  testIdentityStore({ it }, { make: () => repositoryIdentityStore(opened.db.repo(entity)) });
});
