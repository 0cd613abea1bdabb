import { freePorts, startProxy, uniqueName } from '@ent/testkit';
import { describeWithServer } from '@ent/testkit/vitest';
import { connect } from 'amqplib';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { rabbitmqTools } from '../../src/servers/rabbitmq.ts';
import { clientOfProgram, clientOfTools, ERAS } from '../support.ts';

const PASSWORD = 'Xq7-canary-Kp2';

async function channelOf(url: string) {
  const connection = await connect(url);
  onTestFinished(() => connection.close());
  return connection.createChannel();
}

describeWithServer('rabbitmq', { killable: true }, (server) => {
  let reader: string;
  let managementUrl: string;

  beforeAll(async () => {
    // Who may look at all queues, and neither make, fill nor drain one, as in infrastructure/rabbitmq/health.sh.
    await server.control('add_user', 'reader', PASSWORD);
    await server.control('set_user_tags', 'reader', 'monitoring');
    await server.control('set_permissions', '-p', '/', 'reader', '^$', '^$', '^$');
    const at = new URL(server.url);
    at.username = 'reader';
    at.password = PASSWORD;
    reader = at.href;
    const [port] = await freePorts(1);
    managementUrl = `http://reader:${PASSWORD}@127.0.0.1:${port}`;
    // What "rabbitmq-plugins enable" does, with a port of its own.
    const enable = [
      // The server was started without the folders of plugins, from links to what it needs.
      'Rabbit = code:lib_dir(rabbit)',
      'Installed = case file:read_link(Rabbit) of {ok, Path} -> Path; _ -> Rabbit end',
      'application:set_env(rabbit, plugins_dir, filename:dirname(Installed))',
      '{ok, File} = application:get_env(rabbit, enabled_plugins_file)',
      'ok = file:write_file(File, "[rabbitmq_management].")',
      `application:set_env(rabbitmq_management, tcp_config, [{port, ${port}}, {ip, "127.0.0.1"}], [{persistent, true}])`,
      'rabbit_plugins:ensure(File)',
    ];
    await server.control('eval', `${enable.join(', ')}.`);
  }, 600_000);

  describe('by AMQP alone', () => {
    it('tells of itself, and of a queue by its name', async () => {
      const channel = await channelOf(server.url);
      const queue = uniqueName('orders');
      await channel.assertQueue(queue);
      channel.sendToQueue(queue, Buffer.from(PASSWORD));
      const { data, call } = await clientOfTools(rabbitmqTools({ url: reader }));
      expect(await data('rabbitmq_broker')).toMatchObject({
        product: 'RabbitMQ',
        version: expect.stringMatching(/^\d+\.\d+/) as string,
      });
      await expect.poll(() => data('rabbitmq_queue', { queue })).toEqual({ queue, messagesReady: 1, consumers: 0 });
      expect(await call('rabbitmq_queue', { queue: 'nobody' })).toEqual({
        isError: true,
        text: 'RabbitMQ has no queue "nobody" in this virtual host. (mcp.not_found)',
      });
      expect(await call('rabbitmq_queue', { queue: '' })).toMatchObject({
        isError: true,
        text: expect.stringContaining('queue') as string,
      });
      expect((await call('rabbitmq_queues')).text).toMatch(/set ENT_MCP_RABBITMQ_MANAGEMENT_URL .*\(mcp\.refused\)$/);
      // It was looked at, and neither taken nor given back.
      const message = await channel.get(queue);
      expect(message && message.fields.redelivered).toBe(false);
    });

    it('lets nobody in with a wrong password, and does not repeat it', async () => {
      const url = reader.replace(PASSWORD, `${PASSWORD}-of-another`);
      const { call } = await clientOfTools(rabbitmqTools({ url }));
      expect(await call('rabbitmq_broker')).toEqual({
        isError: true,
        text: 'RabbitMQ does not let this user in, or not ask that (403). (mcp.refused)',
      });
    });

    it('leaves no connection behind, and is asked again after one that was cut or hangs', async () => {
      const proxy = await startProxy(reader);
      onTestFinished(() => proxy.close());
      const { call } = await clientOfTools(rabbitmqTools({ url: proxy.url }));
      const hasty = await clientOfTools(rabbitmqTools({ url: proxy.url }), 'legacy', '1s');
      expect((await call('rabbitmq_broker')).isError).toBe(false);
      await expect.poll(() => proxy.connections).toBe(0);
      await proxy.refuse();
      expect((await call('rabbitmq_broker')).text).toMatch(/\(mcp\.unavailable\)$/);
      await proxy.heal();
      proxy.blackhole();
      expect((await hasty.call('rabbitmq_broker')).text).toBe(
        'rabbitmq_broker took longer than 1000 ms. (mcp.timeout)',
      );
      await proxy.heal();
      expect((await call('rabbitmq_broker')).isError).toBe(false);
    });
  });

  describe.each(ERAS)('with the management API, asked over the standard input by a client of the era %s', (era) => {
    it('lists queues, with the arguments that say where dead letters go', async () => {
      const channel = await channelOf(server.url);
      const queue = uniqueName('mail');
      await channel.assertQueue(queue, { deadLetterExchange: 'graveyard' });
      channel.sendToQueue(queue, Buffer.from(PASSWORD));
      const { data, call } = await clientOfProgram(
        'rabbitmq',
        { ENT_MCP_RABBITMQ_URL: reader, ENT_MCP_RABBITMQ_MANAGEMENT_URL: managementUrl },
        era,
      );
      // The broker writes down its numbers every five seconds.
      await expect
        .poll(() => data('rabbitmq_queues', { name: queue }))
        .toMatchObject({
          found: 1,
          queues: [{ name: queue, messages: 1, arguments: { 'x-dead-letter-exchange': 'graveyard' } }],
        });
      expect(await data('rabbitmq_queue', { queue })).toMatchObject({ messagesReady: 1, details: { name: queue } });
      const { text } = await call('rabbitmq_broker');
      expect(JSON.parse(text)).toMatchObject({ nodes: [{ running: true, mem_alarm: false }] });
      expect(text).not.toContain(PASSWORD);
      expect(await call('rabbitmq_queues', { limit: 1000 })).toMatchObject({
        isError: true,
        text: expect.stringContaining('limit') as string,
      });
    });
  });

  it('tells that the management API does not know the user', async () => {
    const { call } = await clientOfTools(
      rabbitmqTools({ url: reader, managementUrl: managementUrl.replace('reader', 'stranger') }),
    );
    expect((await call('rabbitmq_queues')).text).toMatch(
      /^The management API does not let this user ask that \(401\).*\(mcp\.refused\)$/,
    );
  });
});
