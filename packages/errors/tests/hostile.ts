import { EntError, NotFoundError } from '../src/index.ts';

const boom = (): never => {
  throw new Error('a getter threw');
};

const everyTrap = new Proxy(
  {},
  Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, boom])) as ProxyHandler<object>,
);

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function withGetters(target: object, names: readonly string[]): object {
  return Object.defineProperties(target, Object.fromEntries(names.map((name) => [name, { get: boom }])));
}

function cycle(): Error {
  const a = new Error('a');
  const b = new Error('b', { cause: a });
  a.cause = b;
  return a;
}

function endlessChain(): object {
  const proxy: object = new Proxy({}, { getPrototypeOf: () => proxy });
  return Object.setPrototypeOf(new Error('x'), proxy) as object;
}

const MEMBERS = ['name', 'message', 'stack', 'code', 'status', 'expose', 'details', 'issues', 'cause', 'errors', 'id'];

/** Everything that somebody could throw at us. Made anew on each call. */
export function hostileValues(): Record<string, unknown> {
  return {
    undefined: undefined,
    null: null,
    'an empty string': '',
    'a string': 'text',
    'a string of 10 MB': 'x'.repeat(10_000_000),
    NaN: Number.NaN,
    'a bigint': 10n ** 500n,
    'a symbol': Symbol('s'),
    'a function': () => {},
    'a class': class {},
    'a plain object': { message: 'm', status: 200, expose: true },
    'an array': [1, 2],
    'an object without a prototype': Object.create(null),
    'a promise': Promise.resolve(),
    'a plain Error': new Error('m'),
    'an Error of 10 MB': new Error('y'.repeat(10_000_000)),
    'an Error without a stack': Object.assign(new Error('m'), { stack: undefined }),
    'an Error whose members are of the wrong type': Object.assign(new Error('m'), {
      message: 7,
      stack: [],
      code: {},
      cause: 1n,
    }),
    'an Error with throwing getters': withGetters(new Error('m'), MEMBERS),
    'a NotFoundError with throwing getters': withGetters(
      new NotFoundError('m'),
      MEMBERS.filter((name) => name !== 'id'),
    ),
    'an object with throwing getters': withGetters({}, [...MEMBERS, 'toString', 'toJSON']),
    'a proxy that throws at everything': everyTrap,
    'a revoked proxy': revoked({}),
    'a revoked proxy of an array': revoked([]),
    'a proxy of an EntError': new Proxy(new NotFoundError('m'), {}),
    'an Error that has a throwing proxy as its prototype': Object.setPrototypeOf(new Error('m'), everyTrap),
    'an Error with an endless chain of prototypes': endlessChain(),
    'a cycle of causes': cycle(),
    'an Error that is its own cause': (() => {
      const error = new Error('m');
      error.cause = error;
      return error;
    })(),
    'a chain of 10,000 causes': (() => {
      let error = new Error('m');
      for (let i = 0; i < 10_000; i++) error = new Error(`m${i}`, { cause: error });
      return error;
    })(),
    'an AggregateError with itself inside': (() => {
      const error = new AggregateError([new Error('part')], 'm');
      error.errors.push(error, everyTrap);
      return error;
    })(),
    'an AggregateError whose errors are a revoked proxy': Object.assign(new AggregateError([], 'm'), {
      errors: revoked([]),
    }),
    'details with cycles, getters and megabytes': (() => {
      const details: Record<string, unknown> = {
        big: 'z'.repeat(10_000_000),
        when: new Date(Number.NaN),
        n: 1n,
        f: boom,
      };
      details['self'] = details;
      details['list'] = Array.from({ length: 100_000 }, (_, i) => ({ i }));
      details['proxy'] = everyTrap;
      details['map'] = new Map([[details, details]]);
      Object.defineProperty(details, 'getter', { get: boom, enumerable: true });
      return new NotFoundError('m', { details, issues: everyTrap as never, cause: details });
    })(),
    'an object created from the prototype': Object.create(NotFoundError.prototype),
    'an object that claims the brand': {
      [Symbol.for('@ent/error@1')]: 'EntError',
      code: 'x',
      status: 200,
      expose: true,
    },
    'an Error with a branded prototype and nothing on it': Object.setPrototypeOf(
      new Error('m'),
      Object.create(Error.prototype, { [Symbol.for('@ent/error@1')]: { value: 'EntError' } }) as object,
    ),
    'a NotFoundError whose forms throw when they are read': withGetters(new NotFoundError('m'), ['toProblem', 'toLog']),
    'an Error that claims the prototype': Object.setPrototypeOf(new Error('m'), EntError.prototype),
  };
}
