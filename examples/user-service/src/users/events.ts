/**
 * What others learn about users: `user.created`, `user.updated`, `user.deleted`.
 * No address and no name: events are copied far.
 */
export interface UserEvent {
  userId: string;
  version: number;
}

/** Tells the world, once the transaction around it has committed; the composition root decides how. */
export type PublishUserEvent = (
  type: 'user.created' | 'user.updated' | 'user.deleted',
  event: UserEvent,
) => Promise<void>;
