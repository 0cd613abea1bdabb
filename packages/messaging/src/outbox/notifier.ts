/**
 * Tells relays in other processes of messages, so that they need not look for them as often. Only a hint: what it
 * loses is found by looking.
 *
 * With `listen` and `notify` of `@ent/database/postgres`:
 *
 * ```ts no-run
 * const notifier: Notifier = {
 *   notify: () => notify(db, 'outbox', ''),
 *   listen: (wake) => listen(db, 'outbox', wake, { onGap: wake }),
 * };
 * ```
 */
export interface Notifier {
  /** Called after a commit with messages, by a process that has no relay of its own. */
  notify(): Promise<unknown>;
  /** Calls `wake` whenever somebody notifies. */
  listen(wake: () => void): Promise<{ close(): unknown }>;
}
