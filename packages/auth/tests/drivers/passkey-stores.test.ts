import { it } from 'vitest';
import { repositoryPasskeyStore } from '../../src/stores.ts';
import { testPasskeyStore } from '../../src/testing.ts';
import { passkeys } from '../fixtures/stored-entities.ts';
import { onDatabases } from '../support/databases.ts';

onDatabases([passkeys], (opened) => {
  testPasskeyStore({ it }, { make: () => repositoryPasskeyStore(opened.db.repo(passkeys)) });
});
