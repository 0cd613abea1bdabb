import type { CloseOptions } from './options.ts';

/** How far a group is, as its broker tells. */
export interface GroupStats {
  /**
   * Messages that a subscriber would get now: the lag. At least so many, where Redis Streams would have to read more
   * than 100,000 to know it.
   */
  readonly ready: number;
  /** Those that wait for their next try, or for their time. */
  readonly delayed: number;
  /** Those that are with a subscriber. Undefined where the broker does not tell (RabbitMQ). */
  readonly leased: number | undefined;
  /** Dead letters. */
  readonly dead: number;
}

/** What a subscription has done, and how far its group is. */
export interface SubscriptionStats extends GroupStats {
  /** Messages that are being handled here just now. */
  readonly running: number;
  /** Tries that ended well here: messages that are done. Those that failed are not among them. */
  readonly handled: number;
  /** Tries that failed here, those included after which the message became a dead letter. */
  readonly failed: number;
  /** Tries here that were not the first of their message, however they ended. */
  readonly redelivered: number;
  /** Tries that could not begin here (`messaging.busy`): the message comes again, and no attempt was counted. */
  readonly postponed: number;
  /** Messages whose `ttl` was over before they were tried here: they were dropped. */
  readonly expired: number;
  /** Messages that became dead letters here. */
  readonly deadLettered: number;
}

/** A running subscription. */
export interface Subscription {
  readonly topic: string;
  readonly group: string;
  /** The topic of its dead letters. */
  readonly deadLetter: string;
  /**
   * What keeps it from receiving just now, for a health check; undefined where nothing does. It goes on trying by
   * itself, and each try that fails is published on `ent:messaging:receive`.
   */
  readonly failure: Error | undefined;
  /** What was done here since the subscription began, and how far its group is, which the broker is asked for. */
  stats(): Promise<SubscriptionStats>;
  /**
   * Receives no more until `resume`, gives back what was not begun, and resolves when no handler runs. Messages
   * wait for the group meanwhile, or go to its other subscribers. Pausing again, or after `close`, does nothing.
   */
  pause(): Promise<void>;
  /** Receives again. */
  resume(): void;
  /**
   * Receives no more, gives back what was not begun, and waits for the handlers that run. Those that take longer than
   * the timeout are aborted, and their messages go back to the group. Further calls wait for the first.
   */
  close(options?: CloseOptions): Promise<void>;
}
