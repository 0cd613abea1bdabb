import type { Server } from './server.ts';

/**
 * RabbitMQ 3.10 forgets a queue that is killed within two seconds of its declaration, with what was confirmed in it: so
 * long it keeps in its memory what it knows of queues, and half a second where a quorum queue has its log. Here it
 * writes both down at once.
 */
export async function writtenDown(server: Server): Promise<void> {
  if (server.name !== 'rabbitmq') return;
  await server.control('eval', 'ok = mnesia:sync_log(), [ok = dets:sync(Table) || Table <- dets:all()].');
}
