import type { Server } from '@ent/testkit';

/**
 * RabbitMQ 3.10 forgets a queue that is killed within two seconds of its declaration, with what was confirmed in it: so
 * long it keeps what it knows of queues in its memory. Here it writes that down at once.
 */
export async function writtenDown(server: Server): Promise<void> {
  if (server.name === 'rabbitmq') await server.control('eval', 'ok = mnesia:sync_log().');
}
