import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { refuseUnknown } from '../src/index.ts';

interface FileOptions {
  path: string;
  maxBytes?: number;
  keep?: number | undefined;
}

const known = { path: true, maxBytes: true, keep: true } as const;

function told(options: unknown): string | undefined {
  try {
    refuseUnknown(options as FileOptions, known, 'fileSink', (message) => new RangeError(message));
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return (error as Error).message;
  }
}

describe('refuseUnknown', () => {
  it.each([[{}], [{ path: 'a' }], [{ path: 'a', maxBytes: 1, keep: undefined }], [Object.create({ inherited: 1 })]])(
    'takes %j',
    (options) => expect(told(options)).toBeUndefined(),
  );

  it.each([
    [{ pth: 'a' }, 'fileSink has no option "pth" (did you mean path?).'],
    [{ MaxByte: 1 }, 'fileSink has no option "MaxByte" (did you mean maxBytes?).'],
    [{ ekep: 1 }, 'fileSink has no option "ekep" (did you mean keep?).'],
    [{ color: 1 }, 'fileSink has no option "color" (it has path, maxBytes, keep).'],
    [{ toString: 1 }, 'fileSink has no option "toString" (it has path, maxBytes, keep).'],
    [{ color: undefined }, 'fileSink has no option "color" (it has path, maxBytes, keep).'],
    [JSON.parse('{"__proto__":1}'), 'fileSink has no option "__proto__" (it has path, maxBytes, keep).'],
    [{ [`${'x'.repeat(500)}\n`]: 1 }, `fileSink has no option "${'x'.repeat(64)}" (it has path, maxBytes, keep).`],
  ])('refuses %j', (options, message) => expect(told(options)).toBe(message));

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['hunter2', 'a string'],
    [5, 'a number'],
    [[1], 'an array'],
    [() => 1, 'a function'],
  ])('refuses %j in the place of options', (options, got) =>
    expect(told(options)).toBe(`fileSink takes its options as an object; got ${got}.`),
  );

  it('refuses what is no AbortSignal in the place of one, wherever it comes from', () => {
    const look = (signal: unknown) => () =>
      refuseUnknown({ signal }, { signal: true }, 'fileSink', (message) => new RangeError(message));
    for (const given of [null, {}, 'abort', 1, new AbortController(), new EventTarget()]) {
      expect(look(given)).toThrow(RangeError);
      expect(look(given)).toThrow(
        /^fileSink: signal must be an AbortSignal; got (null|an object|a string|a number)\.$/,
      );
    }
    const foreign: unknown = runInNewContext('({ aborted: false, throwIfAborted() {}, addEventListener() {} })');
    for (const given of [undefined, AbortSignal.abort(), new AbortController().signal, foreign]) {
      expect(look(given)).not.toThrow();
    }
  });

  it('has the compiler keep the list of names complete', () => {
    const options: FileOptions = { path: 'a' };
    const fail = (message: string) => new Error(message);
    // @ts-expect-error keep is missing
    refuseUnknown(options, { path: true, maxBytes: true }, 'fileSink', fail);
    // @ts-expect-error mode is no option
    refuseUnknown(options, { ...known, mode: true }, 'fileSink', fail);
    refuseUnknown(options, { path: true, maxBytes: true, keep: true }, 'fileSink', fail);
  });
});
