import type { CloseOptions } from './options.ts';

/** A running subscription. */
export interface Subscription {
  readonly topic: string;
  readonly group: string;
  /** The topic of its dead letters. */
  readonly deadLetter: string;
  /**
   * Receives no more, gives back what was not begun, and waits for the handlers that run. Those that take longer than
   * the timeout are aborted, and their messages go back to the group. Further calls wait for the first.
   */
  close(options?: CloseOptions): Promise<void>;
}
