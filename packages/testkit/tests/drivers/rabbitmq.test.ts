import { connect } from 'amqplib';
import { expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

async function open(url: string) {
  const connection = await connect(url);
  connection.on('error', () => {}); // the server dies on purpose
  return { connection, channel: await connection.createConfirmChannel() };
}

describeWithServer('rabbitmq', { killable: true }, (server) => {
  it.each(['stop', 'kill'] as const)('has a confirmed message after %s and start', async (how) => {
    const queue = uniqueName('kept');
    const before = await open(server.url);
    before.channel.on('error', () => {});
    // A classic queue: RabbitMQ 3.10 itself loses a quorum queue that was declared less than about 3 s before a SIGKILL.
    await before.channel.assertQueue(queue, { durable: true });
    before.channel.sendToQueue(queue, Buffer.from('here'), { persistent: true });
    await before.channel.waitForConfirms();

    await server[how]();
    await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED');
    await server.start();

    const after = await open(server.url);
    expect(await after.channel.get(queue, { noAck: true })).toMatchObject({ content: Buffer.from('here') });
    await after.connection.close();
  });
});
