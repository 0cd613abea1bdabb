import { refreshTokens, sessions, storesOn } from '../fixtures/stored-sessions.ts';
import { onDatabases } from '../support/databases.ts';
import { refreshesAtOnce } from '../support/refreshes-at-once.ts';

onDatabases(
  [sessions, refreshTokens],
  (opened) => refreshesAtOnce(async () => ({ stores: storesOn(opened.db), url: opened.url })),
  { everywhere: true },
);
