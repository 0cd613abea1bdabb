import { BRAND, hasBrand } from './internal/brand.ts';
import { domainClass, fill, nativeArguments, traitProperties } from './internal/construct.ts';
import { fromConvention } from './internal/foreign.ts';
import { readProblem } from './internal/read-problem.ts';
import { read } from './internal/safe.ts';
import { uuid } from './internal/uuid.ts';
import { toErrorRecord } from './log.ts';
import type {
  EntErrorOptions,
  ErrorMapper,
  ErrorRecord,
  ErrorShape,
  Issue,
  Problem,
  Retryable,
  WireError,
} from './options.ts';
import { problemOf } from './problem.ts';
import { readWire, wireOf } from './wire.ts';

// Ids are made when somebody asks: most errors are caught and handled without one.
const ids = new WeakMap<object, string>();
/** What is made of an error has its id, however often it is made. */
function shareId(value: unknown, made: EntError): void {
  if (typeof value !== 'object' || value === null) return;
  const id = ids.get(value) ?? uuid();
  ids.set(value, id);
  ids.set(made, id);
}

const ordinaryInstanceOf = Function.prototype[Symbol.hasInstance];

/**
 * The base of all errors here: a stable `code` to switch on, an HTTP `status`, whether a retry makes sense, and three
 * serial forms: {@link toProblem} for clients, {@link toWire} for your other services, {@link toLog} for the log.
 *
 * What is constant about a code (status, title, ...) lives on the prototype, so an error costs little more than a plain
 * `Error`. `instanceof` recognises errors made by another copy of this package.
 *
 * ```ts
 * import { NotFoundError } from '@ent/errors';
 *
 * const error = new NotFoundError('There is no user 42.', { details: { userId: 42 } });
 * console.log(error.code, error.status); // not_found 404
 * console.log(JSON.stringify(error)); // {"type":"about:blank","title":"Not Found","status":404,...}
 * ```
 */
export class EntError extends Error implements ErrorShape {
  /** Stable and machine-readable: what callers switch on. */
  declare readonly code: string;
  /** HTTP status, 400 to 599. */
  declare readonly status: number;
  /** The kind of problem, the same for every error of this code. */
  declare readonly title: string;
  declare readonly retryable: Retryable;
  /** Whether a client may read message, issues and public details. */
  declare readonly expose: boolean;
  /** Problem type URI. */
  declare readonly problemType: string;
  /** The names of the details that a client may see. */
  declare readonly publicDetails: readonly string[];
  declare readonly retryAfterMs?: number;
  declare readonly issues?: readonly Issue[];
  declare readonly details?: Readonly<Record<string, unknown>>;
  declare readonly headers?: Readonly<Record<string, string>>;

  static {
    Object.defineProperties(
      this.prototype,
      traitProperties('EntError', {
        code: 'internal',
        status: 500,
        title: 'Internal Server Error',
        retryable: 'never',
        expose: false,
      }),
    );
  }

  constructor(message: string, options?: EntErrorOptions) {
    super(...nativeArguments(message, options, new.target));
    fill(this, options);
  }

  /** A UUID for this one error, to find it in the log. Made when first read. */
  get id(): string {
    let id = ids.get(this);
    if (id === undefined) {
      id = uuid();
      ids.set(this, id);
    }
    return id;
  }

  /**
   * What a client may know, as RFC 9457 problem details. Code, title and status are constants and always present;
   * message, issues and the allowlisted details only where `expose` is true. Never throws.
   */
  toProblem(options: { readonly instance?: string | undefined } = {}): Problem {
    return problemOf(this, read(options, 'instance'));
  }

  /** The same as {@link toProblem}, so that `JSON.stringify(error)` is safe to send. */
  toJSON(): Problem {
    return problemOf(this);
  }

  /**
   * For services that you run: with message, details and causes, without stacks. Read it
   * with {@link EntError.fromWire}. Never throws.
   */
  toWire(): WireError {
    return wireOf(this);
  }

  /** For the log: everything, with stack and chain of causes, as bounded plain data. Never throws. */
  toLog(): ErrorRecord {
    return toErrorRecord(this);
  }

  /** Whether `value` is an error of this package, made by this copy of it or another one. */
  static is(value: unknown): value is EntError {
    return hasBrand(value, 'EntError');
  }

  /**
   * An {@link EntError} for anything that can be thrown. One of ours is answered as it is; the mappers are
   * asked in order; an error that says by `status` or `statusCode` and `expose` how a server should
   * answer, as those of http-errors, body-parser, Koa and Fastify do, becomes an error of that status;
   * what nobody knows becomes an {@link InternalError} with a fixed message. The value is the `cause`.
   * Never throws: a mapper that does is passed over.
   *
   * Asked again for the same error, it gives one with the same {@link id}: that of the answer is that of the log.
   */
  static from(value: unknown, mappers: readonly ErrorMapper[] = []): EntError {
    if (EntError.is(value)) return value;
    // In JavaScript, `list.map(EntError.from)` gives the index.
    for (const map of Array.isArray(mappers) ? (mappers as readonly ErrorMapper[]) : []) {
      const mapped = tryMapper(map, value);
      if (mapped !== undefined) return mapped;
    }
    const made =
      tryMapper(fromConvention, value) ?? new InternalError('An unexpected error occurred.', { cause: value });
    shareId(value, made);
    return made;
  }

  /**
   * Reads what {@link toWire} of another service wrote. Class, status, title and exposure come from the definition of
   * the code in *this* process; a code that is not defined here becomes an {@link InternalError}. Never throws.
   *
   * @param options.trust whether the peer's words may reach a client, where the local definition of the code exposes
   *   them. Default `false`: the error's `expose` is false. What the peer says about exposure is never read.
   */
  static fromWire(value: unknown, options: { readonly trust?: boolean | undefined } = {}): EntError {
    const { make, message, options: rest, id } = readWire(value);
    let error: EntError;
    try {
      error = make === undefined ? new InternalError(message, rest) : make(message, rest);
    } catch {
      // The constructor of somebody's class.
      error = new InternalError(message, rest);
    }
    if (read(options, 'trust') !== true) Object.defineProperty(error, 'expose', { value: false });
    if (id !== undefined) ids.set(error, id);
    return error;
  }

  /**
   * Reads the problem details (RFC 9457) that another service answered. The class is that of the code, where it is
   * defined in *this* process, and else that of the status, so that a 404 is a `NotFoundError` whatever its code; code,
   * status and issues are the other service's. Never throws.
   *
   * Caught or not, it is an error of this process: one that leaves a handler is answered with its status.
   *
   * @param options.status that of the answer, which goes before the one in the problem
   * @param options.trust whether the service's words may reach a client, as for {@link fromWire}. Default `false`
   * @example
   * ```ts
   * import { EntError, NotFoundError } from '@ent/errors';
   *
   * const problem = { type: 'about:blank', title: 'Not Found', status: 404, code: 'shop.no_such_lamp' };
   * const error = EntError.fromProblem(problem);
   * console.log(error instanceof NotFoundError, error.code); // true shop.no_such_lamp
   * ```
   */
  static fromProblem(
    value: unknown,
    options: { readonly status?: number | undefined; readonly trust?: boolean | undefined } = {},
  ): EntError {
    const { make, message, options: rest } = readProblem(value, read(options, 'status'));
    let error: EntError;
    try {
      error = make(message, rest);
    } catch {
      // The constructor of somebody's class.
      error = new InternalError(message, rest);
    }
    if (read(options, 'trust') !== true) Object.defineProperty(error, 'expose', { value: false });
    return error;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const brand: unknown = Object.getOwnPropertyDescriptor(this.prototype, BRAND)?.value;
    // A subclass outside of this package has no brand and goes by its prototype, as any class does.
    if (typeof brand === 'string') return hasBrand(value, brand);
    return EntError.is(value) && ordinaryInstanceOf.call(this, value);
  }
}

function tryMapper(map: ErrorMapper, value: unknown): EntError | undefined {
  try {
    const mapped = map(value);
    return EntError.is(mapped) ? mapped : undefined;
  } catch {
    // The next one may know it.
    return undefined;
  }
}

/** One of the classes of this package. Extend it as any class. */
export interface ErrorClass<E extends EntError>
  extends Pick<typeof EntError, 'from' | 'fromProblem' | 'fromWire' | 'is'> {
  new (message: string, options?: EntErrorOptions): E;
  readonly prototype: E;
}

/** A fault of our own that nobody foresaw: 500. A client sees no more than that. */
export const InternalError: ErrorClass<InternalError> = domainClass(EntError, 'InternalError', {
  code: 'internal',
  status: 500,
  title: 'Internal Server Error',
  retryable: 'never',
  expose: false,
});
export interface InternalError extends EntError {}
