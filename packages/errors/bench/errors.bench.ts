// An error, made and serialised, beside a plain Error that is serialised by hand to the same text. The mark is at most
// 1.5 times the cost, that is 0.67 times the rate.
import { bench } from '../../../scripts/bench.ts';
import {
  AuthenticationError,
  AuthorizationError,
  BadRequestError,
  ConflictError,
  defineErrors,
  EntError,
  NotFoundError,
  PreconditionFailedError,
  RateLimitedError,
  ValidationError,
} from '../src/index.ts';

const errors = defineErrors('bench', {
  no_user: { class: NotFoundError, title: 'There is no such user' },
});
let count = 0;
const message = (): string => `There is no user ${count++}.`;

/** The problem details that a client gets, without us. */
function byHand({ message: detail }: Error, status: number, code: string): string {
  return JSON.stringify({ type: 'about:blank', title: 'Not Found', status, detail, code });
}
const plain = (): string => byHand(new Error(message()), 404, 'not_found');

/** The least that an application writes to tell its errors apart. */
class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(text: string, status: number, code: string) {
    super(text);
    this.status = status;
    this.code = code;
  }
}
function ownClass(): string {
  const error = new HttpError(message(), 404, 'not_found');
  return byHand(error, error.status, error.code);
}

/** Two members instead of five: not the same work, but the least that one does with an error. */
function messageAlone(): string {
  const error = new Error(message());
  return JSON.stringify({ name: error.name, message: error.message });
}

// The members of errors of many classes are read in the same places, which
// the engine does more slowly than for one class.
const classes = [
  NotFoundError,
  ConflictError,
  ValidationError,
  BadRequestError,
  AuthenticationError,
  AuthorizationError,
  PreconditionFailedError,
  RateLimitedError,
];
function oneOfEight(): string {
  const Class = classes[count % classes.length] as typeof NotFoundError;
  return JSON.stringify(new Class(message()));
}

const ours = (): string => JSON.stringify(new NotFoundError(message()));
const defined = (): string => JSON.stringify(errors.no_user(message()));

await bench('made and serialised for a client', {
  isolate: true,
  clock: 'cpu',
  raw: plain,
  subjects: {
    '@ent': ours,
    '@ent: defined code': defined,
    '@ent: eight classes in turn': oneOfEight,
    'a class by hand': ownClass,
    'name and message alone': messageAlone,
  },
});

/** As deep as the handler of a request is. */
function deep<T>(frames: number, work: () => T): T {
  return frames === 0 ? work() : deep(frames - 1, work);
}

await bench('the same, twelve calls deep', {
  isolate: true,
  clock: 'cpu',
  raw: () => deep(12, plain),
  subjects: {
    '@ent': () => deep(12, ours),
    '@ent: defined code': () => deep(12, defined),
    '@ent: eight classes in turn': () => deep(12, oneOfEight),
    'a class by hand': () => deep(12, ownClass),
    'name and message alone': () => deep(12, messageAlone),
  },
});

const cause = new Error('connection refused');

await bench('made and serialised for the log, with stacks and a cause', {
  raw: () => {
    const error = new Error(message(), { cause });
    const { name, stack } = error;
    const inner = { name: cause.name, message: cause.message, stack: cause.stack };
    return JSON.stringify({ name, message: error.message, stack, cause: inner });
  },
  subjects: {
    '@ent': () => JSON.stringify(new NotFoundError(message(), { cause }).toLog()),
    '@ent: defined code': () => JSON.stringify(errors.no_user(message(), { cause }).toLog()),
  },
});

await bench('made and dropped', {
  raw: () => new Error(message()),
  subjects: {
    '@ent': () => new NotFoundError(message()),
    '@ent: defined code': () => errors.no_user(message()),
    '@ent: with details': () => new NotFoundError(message(), { details: { id: 1 } }),
    '@ent: from() of an Error': () => EntError.from(cause),
  },
});
