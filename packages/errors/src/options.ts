/**
 * Whether the caller may simply try again: never; only when the operation is idempotent; or always (nothing was done).
 */
export type Retryable = 'never' | 'idempotent' | 'always';

/** Where a rejected value came from. */
export type IssueLocation = 'body' | 'query' | 'path' | 'header' | 'cookie' | 'config';

/** One rejected value of an input. Issues are shown to the client, so `detail` never repeats the value itself. */
export interface Issue {
  /** JSON pointer in its URI fragment form (RFC 6901 section 6): `#/items/0/price`, or `#` for the whole input. */
  readonly pointer: string;
  readonly in?: IssueLocation | undefined;
  /** A stable word for the kind of fault, such as zod's `too_small`. */
  readonly code: string;
  /** What was expected, in words. */
  readonly detail: string;
}

/** Options of every error class. */
export interface EntErrorOptions {
  /**
   * Another code for this one error. Lower-case words joined by `_` and `.`; anything
   * else is ignored. Default: the code of the class.
   */
  readonly code?: string | undefined;
  /** What went wrong underneath. Logged, never shown to a client. */
  readonly cause?: unknown;
  /** The rejected values, where the error is about an input. */
  readonly issues?: readonly Issue[] | undefined;
  /** Facts for the log. A client sees only those that the error's definition lists in `publicDetails`. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** How long the caller should wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /**
   * Another HTTP status for this one error: an integer from 400 to 599;
   * anything else is ignored. Default: that of the class.
   */
  readonly status?: number | undefined;
  /** Response headers that belong to this error, such as `{ allow: 'GET, HEAD' }` on a 405. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What is constant about an error code. Everything here can reach a client, so it holds no data. */
export interface ErrorTraits {
  /** HTTP status, 400 to 599. */
  readonly status: number;
  /** The kind of problem in a few words, the same for every occurrence (RFC 9457 section 3.1.3). */
  readonly title: string;
  readonly retryable: Retryable;
  /** Whether a client may read the message, the issues and the `publicDetails` of such an error. */
  readonly expose: boolean;
  /** Names of the `details` that a client may see when `expose` is true. Default: none. */
  readonly publicDetails?: readonly string[] | undefined;
  /** Problem type URI (RFC 9457 section 3.1.1), for example a page of your documentation. Default: `about:blank`. */
  readonly type?: string | undefined;
}

/** RFC 9457 problem details: what a client may know about an error. Media type `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly instance?: string;
  readonly code: string;
  readonly errors?: readonly Issue[];
  /** Seconds, rounded up, as in the `Retry-After` header. */
  readonly retryAfter?: number;
  /** The allowlisted details. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A cause on the wire: no stack, no code of ours. */
export interface WireCause {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  /** The members of an `AggregateError`; both errors of a `SuppressedError`. */
  readonly errors?: readonly WireCause[];
  /** The chain of causes of a member. */
  readonly causes?: readonly WireCause[];
}

/** An error between two services that you run: message and details included, stacks and `expose` left out. */
export interface WireError {
  readonly v: 1;
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly id: string;
  readonly retryable: Retryable;
  readonly retryAfterMs?: number;
  readonly issues?: readonly Issue[];
  readonly details?: Readonly<Record<string, unknown>>;
  /** The chain of causes, nearest first, at most 8. */
  readonly causes?: readonly WireCause[];
}

/** An error as a log record: plain data, bounded in size, safe to hand to `JSON.stringify`. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly status?: number;
  readonly id?: string;
  readonly retryable?: Retryable;
  readonly retryAfterMs?: number;
  readonly issues?: readonly Issue[];
  readonly details?: Readonly<Record<string, unknown>>;
  /** The next error of the chain; at most 8 deep, a cycle is cut. */
  readonly cause?: ErrorRecord;
  /**
   * The members of an `AggregateError`, at most 8 and how many more; of a
   * `SuppressedError` what the disposal threw, then what that hid.
   */
  readonly errors?: readonly ErrorRecord[];
}

/** What each error of this package has: `EntError`, as the files see it that its class is made of. */
export interface ErrorShape extends Error {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly retryable: Retryable;
  readonly expose: boolean;
  readonly problemType: string;
  readonly publicDetails: readonly string[];
  readonly retryAfterMs?: number;
  readonly issues?: readonly Issue[];
  readonly details?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly id: string;
  toProblem(options?: { readonly instance?: string | undefined }): Problem;
  toJSON(): Problem;
  toWire(): WireError;
  toLog(): ErrorRecord;
}

/** Turns an error of some library into one of ours, or answers `undefined` when it does not know it. */
export type ErrorMapper = (value: unknown) => unknown;
