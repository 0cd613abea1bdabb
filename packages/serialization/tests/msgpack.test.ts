import { spawnSync } from 'node:child_process';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { msgpack } from '../src/codecs/msgpack.ts';

const again = (value: unknown): unknown => msgpack.decode(msgpack.encode(value));
const hex = (value: unknown): string => Buffer.from(msgpack.encode(value)).toString('hex');
const EDGE = 2 ** 53;

describe('integers', () => {
  it.each([0, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31) - 1, 1_700_000_000_000, EDGE - 1, 1 - EDGE])(
    '%d is a number again, and no float on the way',
    (value) => {
      expect(again({ at: [value] })).toEqual({ at: [value] });
      expect(hex(value)).not.toMatch(/^c[ab]/);
    },
  );

  it('of another writer are numbers where they are safe, and bigints where they are not', () => {
    const others = new Packr({ useRecords: false });
    const read = (value: bigint): unknown => msgpack.decode(others.pack(value));
    expect(read(1_700_000_000_000n)).toBe(1_700_000_000_000);
    expect(read(5n)).toBe(5);
    expect(read(-(2n ** 53n) - 1n)).toBe(-(2n ** 53n) - 1n);
    expect(read(2n ** 64n - 1n)).toBe(2n ** 64n - 1n);
  });

  it('that are bigints stay bigints, also those that a number could hold', () => {
    const edge = 2n ** 53n;
    const values = [
      0n,
      5n,
      -5n,
      edge - 1n,
      edge,
      edge + 1n,
      -edge,
      -edge - 1n,
      2n ** 63n,
      2n ** 64n - 1n,
      -(2n ** 63n),
    ];
    expect(again(values)).toEqual(values);
    expect(again({ a: { b: [5n, 5, 2 ** 40] } })).toEqual({ a: { b: [5n, 5, 2 ** 40] } });
  });

  it('beyond the safe range stay floats', () => {
    expect(again([EDGE, EDGE + 2, 1e300, 0.5])).toEqual([EDGE, EDGE + 2, 1e300, 0.5]);
  });

  it('change neither the value that was given nor bigints of other users of msgpackr', () => {
    const value = Object.freeze({ list: Object.freeze([2 ** 40, 5n]) });
    expect(again(value)).toEqual({ list: [2 ** 40, 5n] });
    expect(value.list).toEqual([2 ** 40, 5n]);
    const others = new Packr({ useRecords: false, useBigIntExtension: true });
    for (const long of [2n ** 64n, -(2n ** 64n), 2n ** 200n + 7n, -(2n ** 127n)]) {
      expect(others.unpack(others.pack(long))).toBe(long);
    }
  });
});

// Another language reads what is written here and writes what is read here.
// The first Python of the PATH may be one that knows nothing of the system's packages.
const pythons = process.env['ENT_TEST_PYTHON'] ? [process.env['ENT_TEST_PYTHON']] : ['python3', '/usr/bin/python3'];
const withMsgpack = pythons.find((name) => spawnSync(name, ['-c', 'import msgpack']).status === 0);
const installed = withMsgpack !== undefined;
const python = withMsgpack ?? 'python3';
const required = (process.env['ENT_TEST_REQUIRE'] ?? '')
  .split(',')
  .some((name) => name === 'all' || name === 'msgpack');
const reason = installed
  ? ''
  : ' (skipped: Python has no msgpack; run scripts/install-services.sh msgpack, or name a Python in ENT_TEST_PYTHON)';

function inPython(script: string, input: Uint8Array = new Uint8Array()): Buffer {
  const { status, stdout, stderr } = spawnSync(python, ['-c', `import sys, msgpack\n${script}`], { input });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  return stdout;
}

describe.skipIf(!installed && !required)(`Python${reason}`, () => {
  it('reads each type as the README says', () => {
    const value = {
      text: 'é🦊',
      small: 7,
      time: 1_700_000_000_000,
      negative: -1_700_000_000_000,
      whole: 1.0,
      float: 0.1,
      nothing: null,
      yes: true,
      list: [1, [2]],
      object: { a: 1 },
      bytes: Buffer.from([0, 255]),
      date: new Date(1_700_000_000_123),
      long: 2n ** 63n,
      bigint: -5n,
      absent: [undefined],
    };
    const script = `
v = msgpack.unpackb(sys.stdin.buffer.read(), timestamp=3)
assert v['text'] == 'é🦊' and v['nothing'] is None and v['yes'] is True
assert v['time'] == 1700000000000 and type(v['time']) is int and v['negative'] == -1700000000000
assert type(v['small']) is int and type(v['whole']) is int and v['float'] == 0.1
assert v['list'] == [1, [2]] and v['object'] == {'a': 1} and v['bytes'] == bytes([0, 255])
assert v['date'].isoformat() == '2023-11-14T22:13:20.123000+00:00'
assert v['long'] == 2**63
assert v['bigint'].code == 0x42 and int.from_bytes(v['bigint'].data, 'big', signed=True) == -5
assert v['absent'] == [msgpack.ExtType(0, b'\\0')]`;
    inPython(script, msgpack.encode(value));
  });

  it('writes what is read here as the README says', () => {
    const script = `
import datetime
now = datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, datetime.timezone.utc)
v = {'at': 1700000000000, 'one': 1, 'min': -(2**53) + 1, 'long': 2**53 + 1, 'huge': 2**64 - 1, 'f': 1.0, 'half': .5,
     'b': b'\\x00\\xff', 'd': now, 't': (1, 'x'), 'n': None, 7: 'seven'}
sys.stdout.buffer.write(msgpack.packb(v, datetime=True))`;
    const value = msgpack.decode(inPython(script)) as Record<string, unknown>;
    expect(value).toEqual({
      at: 1_700_000_000_000,
      one: 1,
      min: 1 - EDGE,
      long: 2n ** 53n + 1n,
      huge: 2n ** 64n - 1n,
      f: 1,
      half: 0.5,
      b: Buffer.from([0, 255]),
      d: new Date(1_700_000_000_123),
      t: [1, 'x'],
      n: null,
      7: 'seven',
    });
    expect(JSON.stringify({ at: value['at'] })).toBe('{"at":1700000000000}');
  });

  it('gives back what it was given', () => {
    const value = { at: 1_700_000_000_000, list: [0.5, -1, 'x'], bytes: Buffer.from('ab'), none: null };
    const bytes = inPython(
      'sys.stdout.buffer.write(msgpack.packb(msgpack.unpackb(sys.stdin.buffer.read())))',
      msgpack.encode(value),
    );
    expect(msgpack.decode(bytes)).toEqual(value);
  });
});
