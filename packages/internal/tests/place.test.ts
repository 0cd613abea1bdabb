import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { hostAndPort, placeOf } from '../src/place.ts';

/** What Node says of a connection that cannot be made. */
async function faultOf(options: { host?: string; port?: number; path?: string }): Promise<Error> {
  const socket = connect(options as { port: number });
  const [error] = (await once(socket, 'error')) as [Error];
  return error;
}

describe('placeOf', () => {
  it('reads what Node says, through causes', async () => {
    const refused = await faultOf({ host: '127.0.0.1', port: 1 });
    expect(placeOf(refused)).toBe('127.0.0.1:1 (ECONNREFUSED)');
    expect(placeOf(new Error('lost', { cause: new Error('not connected', { cause: refused }) }))).toBe(
      '127.0.0.1:1 (ECONNREFUSED)',
    );
    expect(placeOf(await faultOf({ path: '/nowhere/at.sock' }))).toBe('/nowhere/at.sock (ENOENT)');
    const unknown = { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'nowhere.invalid' };
    expect(placeOf(Object.assign(new Error('x'), unknown))).toBe('nowhere.invalid (ENOTFOUND)');
  });

  it('names each address that was tried, once', () => {
    const at = (address: string) => ({ code: 'ECONNREFUSED', syscall: 'connect', address, port: 5432 });
    const error = new AggregateError([at('::1'), at('127.0.0.1'), at('127.0.0.1')], 'none answered');
    expect(placeOf(error)).toBe('[::1]:5432 (ECONNREFUSED), 127.0.0.1:5432 (ECONNREFUSED)');
  });

  it('takes nothing from messages, nor from what is no error of a socket', () => {
    const circle: { cause?: unknown } = {};
    circle.cause = circle;
    const others = [undefined, null, 'connect ECONNREFUSED 1.2.3.4:5', new Error('at u:p@host:1'), circle];
    for (const other of [...others, { code: 'ECONNRESET', syscall: 'read' }, { address: 'x', port: 1 }]) {
      expect(placeOf(other)).toBe(undefined);
    }
  });
});

it('hostAndPort writes an address as a URL has it', () => {
  expect([hostAndPort('db', 1), hostAndPort('::1', 1), hostAndPort('/tmp/s', 1), hostAndPort('db', undefined)]).toEqual(
    ['db:1', '[::1]:1', '/tmp/s', 'db'],
  );
});
