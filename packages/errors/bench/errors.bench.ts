// An error, made and serialised, beside a plain Error whose members are serialised by hand. The mark is at most 1.5 times the cost,
// that is 0.67 times the rate.
import { bench } from '../../../scripts/bench.ts';
import { CacheError, defineErrors, EntError, NotFoundError } from '../src/index.ts';

const errors = defineErrors('bench', {
  timeout: { class: CacheError, title: 'Cache timed out', retryable: 'idempotent', expose: false },
});
let count = 0;
const message = (): string => `There is no user ${count++}.`;

function plain(): string {
  const error = new Error(message());
  return JSON.stringify({ name: error.name, message: error.message });
}

await bench('made and serialised for a client', {
  raw: plain,
  subjects: {
    '@ent': () => JSON.stringify(new NotFoundError(message())),
    '@ent: defined code': () => JSON.stringify(errors.timeout(message())),
  },
});

/** As deep as the handler of a request is. */
function deep<T>(frames: number, work: () => T): T {
  return frames === 0 ? work() : deep(frames - 1, work);
}

await bench('the same, twelve calls deep', {
  raw: () => deep(12, plain),
  subjects: {
    '@ent': () => deep(12, () => JSON.stringify(new NotFoundError(message()))),
    '@ent: defined code': () => deep(12, () => JSON.stringify(errors.timeout(message()))),
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
    '@ent: defined code': () => JSON.stringify(errors.timeout(message(), { cause }).toLog()),
  },
});

await bench('made and dropped', {
  raw: () => new Error(message()),
  subjects: {
    '@ent': () => new NotFoundError(message()),
    '@ent: defined code': () => errors.timeout(message()),
    '@ent: with details': () => new NotFoundError(message(), { details: { id: 1 } }),
    '@ent: from() of an Error': () => EntError.from(cause),
  },
});
