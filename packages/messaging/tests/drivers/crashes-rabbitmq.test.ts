// RabbitMQ with quorum queues is killed under load, and who handles its messages.
import { describeWithServer } from '@ent/testkit/vitest';
import { rabbitmq } from '../../src/drivers/rabbitmq/index.ts';
import { testCrashes } from '../crashes.ts';

describeWithServer('rabbitmq', { killable: true }, (server) => {
  testCrashes('rabbitmq', server, (url) => rabbitmq({ url }));
});
