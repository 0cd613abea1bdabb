import { connect } from 'amqplib';
import { expect, it } from 'vitest';
import { uniqueName } from '../../src/index.ts';
import { describeWithServer } from '../../src/vitest.ts';

describeWithServer('rabbitmq', { killable: true }, (server) => {
  const queue = uniqueName('kept');

  async function open() {
    const connection = await connect(server.url);
    connection.on('error', () => {}); // the server dies on purpose
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    return { connection, channel };
  }

  async function publish(text: string): Promise<void> {
    const { channel } = await open();
    channel.sendToQueue(queue, Buffer.from(text), { persistent: true });
    await channel.waitForConfirms();
  }

  it('has its queues and confirmed messages after stop, kill and start', { timeout: 600_000 }, async () => {
    const { channel } = await open();
    await channel.assertQueue(queue, { durable: true });
    await publish('before the stop');
    await server.stop();
    await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED');
    await server.start();

    await publish('before the kill');
    await server.kill();
    await expect(connect(server.url)).rejects.toThrow('ECONNREFUSED');
    await server.start();

    const after = await open();
    for (const text of ['before the stop', 'before the kill']) {
      expect(await after.channel.get(queue, { noAck: true })).toMatchObject({ content: Buffer.from(text) });
    }
    await after.connection.close();
  });
});
