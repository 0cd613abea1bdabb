// What a handler may give by mistake: each is a 500, on every host.
import { Readable } from 'node:stream';

const revoked = (): unknown => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const throwing = new Proxy(
  {},
  {
    get() {
      throw new Error('trap');
    },
    has() {
      throw new Error('trap');
    },
  },
);
const locked = (): ReadableStream => {
  const stream = new Blob(['x']).stream();
  stream.getReader();
  return stream;
};
const destroyed = (): Readable => Readable.from(['x']).destroy();
export const failsToClose = (): Readable =>
  new Readable({
    read() {},
    destroy(_error, done) {
      done(new Error('close failed'));
    },
  });

export const ODD_REPLIES: readonly [name: string, make: () => unknown][] = [
  ['null', () => null],
  ['false', () => false],
  ['zero', () => 0],
  ['NaN', () => Number.NaN],
  ['a bigint', () => 1n],
  ['a symbol', () => Symbol('x')],
  ['a text', () => 'text'],
  ['an empty text', () => ''],
  ['a function', () => () => 1],
  ['a list', () => []],
  ['an object', () => ({})],
  ['an error', () => new Error('x')],
  ['a revoked proxy', revoked],
  ['a proxy that throws', () => throwing],
  ['no status', () => ({ body: 'x' })],
  ['a status that is text', () => ({ status: '200', body: 'x' })],
  ['a status of 0', () => ({ status: 0 })],
  ['a status of 100', () => ({ status: 100 })],
  ['a status of 101', () => ({ status: 101 })],
  ['a status of 200.5', () => ({ status: 200.5 })],
  ['a status of 1000', () => ({ status: 1000 })],
  ['a status of NaN', () => ({ status: Number.NaN })],
  ['a body of null', () => ({ status: 200, body: null })],
  ['a body of 7', () => ({ status: 200, body: 7 })],
  ['a body of 1n', () => ({ status: 200, body: 1n })],
  ['a body of true', () => ({ status: 200, body: true })],
  ['a body that is a symbol', () => ({ status: 200, body: Symbol('x') })],
  ['a body that is a function', () => ({ status: 200, body: () => 'x' })],
  ['a body that is an object', () => ({ status: 200, body: {} })],
  ['a body that is a list', () => ({ status: 200, body: ['x'] })],
  ['a body that is a promise', () => ({ status: 200, body: Promise.resolve('x') })],
  ['a body that is a Blob', () => ({ status: 200, body: new Blob(['x']) })],
  ['a body that is an ArrayBuffer', () => ({ status: 200, body: new ArrayBuffer(2) })],
  ['a body that is a Date', () => ({ status: 200, body: new Date(0) })],
  ['a body that is a revoked proxy', () => ({ status: 200, body: revoked() })],
  ['a body that is a proxy that throws', () => ({ status: 200, body: throwing })],
  ['a body whose iterator is none', () => ({ status: 200, body: { [Symbol.asyncIterator]: 7 } })],
  [
    'a body whose iterator throws',
    () => ({
      status: 200,
      body: {
        [Symbol.asyncIterator]() {
          throw new Error('x');
        },
      },
    }),
  ],
  ['a locked stream', () => ({ status: 200, body: locked() })],
  ['a destroyed stream', () => ({ status: 200, body: destroyed() })],
  ['a stream of objects', () => ({ status: 200, body: Readable.from([{ a: 1 }]) })],
  ['a header that is a symbol', () => ({ status: 200, headers: { 'x-a': Symbol('x') } })],
  [
    'a header that throws',
    () => ({
      status: 200,
      headers: {
        get 'x-a'() {
          throw new Error('x');
        },
      },
    }),
  ],
  ['a getter that throws', () => Object.defineProperty({ status: 200 }, 'body', { get: () => throwing['x' as never] })],
];
