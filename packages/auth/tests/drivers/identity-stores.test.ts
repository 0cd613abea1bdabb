import { it } from 'vitest';
import { repositoryIdentityStore } from '../../src/stores.ts';
import { testIdentityStore } from '../../src/testing.ts';
import { identities } from '../fixtures/stored-entities.ts';
import { onDatabases } from '../support/databases.ts';

onDatabases([identities], (opened) => {
  testIdentityStore({ it }, { make: () => repositoryIdentityStore(opened.db.repo(identities)) });
});
