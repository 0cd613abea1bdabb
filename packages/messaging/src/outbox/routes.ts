/** So long a topic that had a group is believed to get one again: subscribers make anew what somebody deleted. */
const BELIEVED_MS = 60_000;
/** How soon a message is tried again, and how late at the most: after as long as its topic has had no group. */
const AGAIN_MS = { least: 1000, most: 15_000 };
/** Topics may have a name for each of something. */
const MOST = 1000;

/** The topics that had a group when this relay sent to them, and since when they have none. */
export class Routes {
  readonly #since = new Map<string, number | undefined>();

  stored(topic: string): void {
    if (this.#since.has(topic) && this.#since.get(topic) === undefined) return;
    this.#since.set(topic, undefined);
    if (this.#since.size <= MOST) return;
    for (const oldest of this.#since.keys()) return void this.#since.delete(oldest);
  }

  /** Nobody listens. In how many milliseconds it is to be tried again; undefined where nobody is expected. */
  again(topic: string, now: number): number | undefined {
    if (!this.#since.has(topic)) return undefined;
    const since = this.#since.get(topic) ?? now;
    this.#since.set(topic, since);
    const passed = now - since;
    if (passed < BELIEVED_MS) return Math.min(Math.max(passed, AGAIN_MS.least), AGAIN_MS.most);
    this.#since.delete(topic);
    return undefined;
  }
}
