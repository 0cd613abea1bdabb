// A process that publishes or handles is killed before each statement and each send, on SQLite, with Redis as broker.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithServer } from '@ent/testkit/vitest';
import { afterAll, beforeAll } from 'vitest';
import { testKills } from '../outbox-kills.ts';

describeWithServer('redis', (server) => {
  let folder: string;
  let files = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ent-outbox-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  testKills(async () => {
    return { place: { kind: 'sqlite', file: join(folder, `${files++}.db`) }, redis: server.url };
  });
});
