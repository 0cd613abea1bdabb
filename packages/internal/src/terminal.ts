/** Where a program writes: results to the standard output, all else to the standard error. */
export class Terminal {
  readonly #program: string;
  readonly #json: boolean;
  #isShown = false;
  #toldAt = -Infinity;

  /** @param json whether each result is a line of JSON */
  constructor(program: string, json: boolean) {
    this.#program = program;
    this.#json = json;
  }

  /** One result. */
  result(data: object, text: string): void {
    this.clear();
    process.stdout.write(`${this.#json ? JSON.stringify(data) : text}\n`);
  }

  /** Results in columns. */
  table(objects: readonly object[]): void {
    const rows = objects as readonly Readonly<Record<string, unknown>>[];
    if (this.#json) {
      for (const row of rows) this.result(row, '');
      return;
    }
    if (rows.length === 0) return;
    const names = Object.keys(rows[0]!);
    const lines = [names, ...rows.map((row) => names.map((name) => textOf(row[name])))];
    const widths = names.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
    for (const line of lines) {
      this.result({}, line.map((cell, at) => (at === names.length - 1 ? cell : cell.padEnd(widths[at]!))).join('  '));
    }
  }

  /** What a command does now, of a few things with names: in place on a terminal, else a line for each. */
  step(what: string, number: number, total: number): void {
    this.#show(`${what} ${number} of ${total}`);
  }

  /** How far a command is: in place on a terminal, else a line every five seconds and at the end. */
  progress(what: string, done: number, total: number): void {
    const now = performance.now();
    if (!process.stderr.isTTY && done < total && now - this.#toldAt < 5000) return;
    this.#toldAt = now;
    this.#show(`${what} ${done} of ${total}`);
  }

  #show(text: string): void {
    this.clear();
    this.#isShown = process.stderr.isTTY;
    process.stderr.write(this.#isShown ? text : `${text}\n`);
  }

  /** Something beside the results, which need not be wrong. */
  complain(text: string): void {
    this.clear();
    process.stderr.write(`${this.#program}: ${text}\n`);
  }

  clear(): void {
    if (this.#isShown) process.stderr.write('\r\x1b[K');
    this.#isShown = false;
  }
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value === null) return '-';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '?';
}
