// A process that publishes or handles is killed before each statement and each send, on SQLite, with Redis as broker.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithServer, itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll } from 'vitest';
import { KILLS, killHandlers, killPublishers } from '../outbox-kills.ts';

describeWithServer('redis', (server) => {
  let folder: string;
  let files = 0;
  const ground = async () => {
    const place = { kind: 'sqlite', file: join(folder, `${files++}.db`) } as const;
    return { place, redis: server.url };
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ent-outbox-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  itInDepth('an outbox has a message for each change that is stored, whenever its process is killed', KILLS, (round) =>
    killPublishers(ground, round),
  );

  itInDepth('an inbox has the effect of each message once, whenever its process is killed', KILLS, (round) =>
    killHandlers(ground, round),
  );
});
