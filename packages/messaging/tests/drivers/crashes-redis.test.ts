// A Redis that writes each message to its disk is killed under load, and who handles its messages.
import { describeWithServer } from '@ent/testkit/vitest';
import { redisStreams } from '../../src/drivers/redis-streams/index.ts';
import { testCrashes } from '../crashes.ts';

describeWithServer('redis', { killable: true, args: ['--appendfsync', 'always'] }, (server) => {
  testCrashes('redis', server, (url) => redisStreams({ url }));
});
