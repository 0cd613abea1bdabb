import { OTHER } from '../names.ts';
import { type Span, type Summary, Window } from './window.ts';

/** A row of a table. */
export type Row = Summary & { readonly name: string };

/** Names that are kept at the most: a service has that many routes, and an application may make up topics. */
export const MOST_ROWS = 100;

/** A window for each name, for a bounded number of them: what comes after the last one is counted together. */
export class Table {
  readonly #rows = new Map<string, Window>();
  readonly #span: Span;
  readonly #now: () => number;
  #lookedAt = -Infinity;

  constructor(span: Span, now: () => number) {
    this.#span = span;
    this.#now = now;
  }

  add(name: string, durationMs: number, isError: boolean, count?: number): void {
    this.#window(name).add(durationMs, isError, count);
  }

  /** What has happened lately, the busiest first. */
  rows(): Row[] {
    return [...this.#rows]
      .filter(([, window]) => !window.isEmpty)
      .map(([name, window]) => ({ name, ...window.summary() }))
      .sort((a, b) => b.perSecond - a.perSecond || (a.name < b.name ? -1 : 1));
  }

  #window(name: string): Window {
    let window = this.#rows.get(name);
    if (window !== undefined) return window;
    // The place of one that nothing has happened to for the whole window, if there is one.
    if (this.#rows.size >= MOST_ROWS) this.#dropIdle();
    const kept = this.#rows.size >= MOST_ROWS ? OTHER : name;
    window = this.#rows.get(kept) ?? new Window(this.#span, this.#now);
    this.#rows.set(kept, window);
    return window;
  }

  #dropIdle(): void {
    const now = this.#now();
    // Not for each of many names that come at once.
    if (now - this.#lookedAt < this.#span.slotMs) return;
    this.#lookedAt = now;
    for (const [name, window] of this.#rows) if (window.isEmpty) this.#rows.delete(name);
  }
}
