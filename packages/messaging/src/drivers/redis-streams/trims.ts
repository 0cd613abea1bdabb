import type { RedisStreamsClient } from './client.ts';
import type { Link } from './link.ts';
import { trimStream } from './scripts.ts';

/** A stream is trimmed after so many messages were done by this process, or with the next one after this time. */
const TRIM_AFTER = 2000;
const TRIM_EVERY_MS = 10_000;

/** Trims the streams of which messages are done. */
export class Trims {
  readonly #link: Link<RedisStreamsClient>;
  readonly #streams = new Map<string, { done: number; trimmedAt: number }>();

  constructor(link: Link<RedisStreamsClient>) {
    this.#link = link;
  }

  done(stream: string, floors: string, count: number): void {
    const now = performance.now();
    const state = this.#streams.get(stream) ?? { done: 0, trimmedAt: now };
    this.#streams.set(stream, state);
    state.done += count;
    if (state.done < TRIM_AFTER && now - state.trimmedAt < TRIM_EVERY_MS) return;
    state.done = 0;
    state.trimmedAt = now;
    // What is not trimmed now is with the next ones.
    this.#link.script(trimStream, [stream, floors], []).catch(() => {});
  }
}
