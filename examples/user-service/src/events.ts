import type { Logger } from '@ent/logging';
import { defineTopic, type Messaging } from '@ent/messaging';
import type { Outbox } from '@ent/messaging/outbox';
import { z } from 'zod';
import type { PublishUserEvent } from './users/events.ts';

const UserEventData = z.strictObject({ userId: z.uuid(), version: z.int() });

/** The topics of the service; others subscribe to them by name. */
const topics = {
  'user.created': defineTopic('user.created', UserEventData),
  'user.updated': defineTopic('user.updated', UserEventData),
  'user.deleted': defineTopic('user.deleted', UserEventData),
};

/** Publishes with the change: both are stored, or none; those of one user in the order of the changes. */
export function publishBy(outbox: Outbox): PublishUserEvent {
  return async (type, event) => {
    await outbox.publish(topics[type], event, { key: event.userId, subject: event.userId });
  };
}

/** An example of a subscriber: writes each event to the log. */
export async function logEvents(messaging: Messaging, logger: Logger): Promise<void> {
  for (const topic of Object.values(topics)) {
    await messaging.subscribe(topic, { group: 'audit-log' }, (message) => {
      logger.info(message.type, { eventId: message.id, ...message.data });
    });
  }
}
