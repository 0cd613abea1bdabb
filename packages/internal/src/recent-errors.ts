import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** An error that was seen. */
export interface SeenError {
  /** When it was seen last. */
  time: Date;
  /** How often one with the same operation, code and message was seen, since the first of them that is kept. */
  count: number;
  /** The channel without its prefix, such as `database:query`; or what `record` was told. */
  readonly operation: string;
  readonly code: string;
  readonly name: string;
  readonly message: string;
  /** Of what caused it, innermost last. */
  readonly causes: readonly string[];
}

/** What is read of an error: `toErrorRecord` of `@ent/errors`, which stands above this package. */
interface ErrorText {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly cause?: ErrorText | undefined;
}

/** Where the packages tell of errors, each on a tracing channel `ent:<name>`. */
const OPERATIONS = [
  'http:request',
  'middleware:hook',
  'middleware:rate-limit',
  'database:query',
  'database:transaction',
  'database:connection',
  'cache:get',
  'cache:set',
  'cache:delete',
  'cache:load',
  'cache:command',
  'cache:forgive',
  'messaging:publish',
  'messaging:process',
  'messaging:receive',
  'messaging:relay',
  'messaging:hook',
  'lifecycle:start',
  'lifecycle:stop',
  'lifecycle:check',
  'auth:keys',
  'auth:policy',
  'auth:session',
  'observability:collect',
  'observability:trace',
];
const LONGEST = 2000;

/**
 * The last errors on the channels of the packages, the same ones counted together. An error that one client's request
 * alone has caused (a status below 500) is left out. Texts are as they were thrown: take out secrets before they are
 * shown.
 */
export class RecentErrors {
  readonly #seen = new Map<string, SeenError>();
  readonly #most: number;
  readonly #read: (error: unknown) => ErrorText;
  readonly #stops: (() => void)[] = [];

  /** @param most how many are kept */
  constructor(most: number, read: (error: unknown) => ErrorText) {
    this.#most = most;
    this.#read = read;
    for (const operation of OPERATIONS) {
      const name = `tracing:ent:${operation}:error`;
      const hear = (message: unknown): void => {
        const { error, status } = message as { error?: unknown; status?: unknown };
        if (typeof status === 'number' && status < 500) return;
        this.record(error, operation);
      };
      subscribe(name, hear);
      this.#stops.push(() => unsubscribe(name, hear));
    }
  }

  /** Keeps an error that no package publishes, or one that was heard of. */
  record(error: unknown, operation = 'application'): void {
    const entry = this.#entryOf(error, String(operation));
    const id = JSON.stringify([entry.operation, entry.code, entry.message]);
    const known = this.#seen.get(id);
    if (known !== undefined) {
      known.count++;
      known.time = entry.time;
    }
    // To the end: the newest is last, and the oldest goes first.
    this.#seen.delete(id);
    this.#seen.set(id, known ?? entry);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= this.#most) break;
      this.#seen.delete(oldest);
    }
  }

  /** Copies, newest first. */
  list(): SeenError[] {
    return [...this.#seen.values()].reverse().map((entry) => ({ ...entry }));
  }

  /** Stops listening. */
  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  #entryOf(error: unknown, operation: string): SeenError {
    const { name, message, code = 'internal', cause } = this.#read(error);
    const causes: string[] = [];
    for (let each = cause; each !== undefined; each = each.cause) {
      causes.push(`${each.code ?? each.name}: ${each.message}`.slice(0, LONGEST));
    }
    return { time: new Date(), count: 1, operation, code, name, message: message.slice(0, LONGEST), causes };
  }
}
