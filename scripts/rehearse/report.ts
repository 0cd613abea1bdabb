/** What was tried, and what of it failed, row by row of the table at the end. */
export class Report {
  readonly #rows = new Map<string, { runs: number; failed: number; ms: number }>();
  readonly #problems: string[] = [];
  readonly #began = Date.now();

  /** Tells where it is, at once. */
  say(text: string): void {
    const seconds = Math.round((Date.now() - this.#began) / 1000);
    console.log(`${String(seconds).padStart(4)} s  ${text}`);
  }

  /** Runs one attempt of a row: what it answers, or throws, are its problems. */
  async attempt(row: string, what: string, attempt: () => Promise<readonly { problem: string }[]>): Promise<boolean> {
    const began = Date.now();
    const problems = await attempt().then(
      (found) => found.map(({ problem }) => problem),
      (error: unknown) => [(error as Error).message],
    );
    const { runs, failed, ms } = this.#rows.get(row) ?? { runs: 0, failed: 0, ms: 0 };
    const worse = problems.length > 0 ? 1 : 0;
    this.#rows.set(row, { runs: runs + 1, failed: failed + worse, ms: ms + Date.now() - began });
    for (const problem of problems) {
      this.#problems.push(`${row}: ${what}: ${problem}`);
      this.say(`FAILED ${row}: ${what}: ${problem}`);
    }
    return problems.length === 0;
  }

  /** Prints the table. @returns whether all went well */
  conclude(): boolean {
    const width = Math.max(...[...this.#rows.keys()].map(({ length }) => length));
    console.log(`\n${'what'.padEnd(width)}  runs  failed  seconds`);
    for (const [row, { runs, failed, ms }] of this.#rows) {
      const cells = [String(runs).padStart(4), String(failed).padStart(6), (ms / 1000).toFixed(1).padStart(7)];
      console.log(`${row.padEnd(width)}  ${cells.join('  ')}`);
    }
    if (this.#problems.length > 0) console.log(`\n${this.#problems.join('\n\n')}`);
    return this.#problems.length === 0;
  }
}
