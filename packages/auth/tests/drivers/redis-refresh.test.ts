import { uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { onTestFinished } from 'vitest';
import type { AuthStores } from '../../src/index.ts';
import { openStores } from '../fixtures/stored-sessions.ts';
import { refreshesAtOnce } from '../support/refreshes-at-once.ts';

const open = async (servers: readonly string[]): Promise<{ stores: AuthStores; url: string }> => {
  const url = `${servers.join(',')}#${uniqueName('auth')}`;
  const { stores, close } = await openStores(url);
  onTestFinished(close);
  return { stores, url };
};

describeWithServer('redis', (server) => refreshesAtOnce(() => open([server.url])));
describeWithServer('redis-cluster', (server) => refreshesAtOnce(() => open(server.urls)));
