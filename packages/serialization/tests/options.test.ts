import { describe, expect, it } from 'vitest';
import { createSerializer, json, type SerializerOptions } from '../src/index.ts';

function refused(work: () => unknown): string {
  let told: unknown;
  try {
    work();
  } catch (error) {
    told = error;
  }
  expect(told).toMatchObject({ code: 'serialization.invalid_options' });
  expect((told as Error).message).toMatch(/\.$/);
  expect((told as Error).message).not.toContain('hunter2');
  return (told as Error).message;
}

describe('createSerializer refuses', () => {
  it.each<[object | string | null, string]>([
    [{ compresion: {} }, '"compresion" (did you mean compression?)'],
    [{ compression: { minByte: 5 } }, 'createSerializer: compression has no option "minByte"'],
    [{ encryption: { key: 'hunter2' } }, 'did you mean keys?'],
    [{ encryption: { keys: 'hunter2' } }, 'a list of keys'],
    [{ encryption: { keys: [5] } }, 'neither bytes nor a base64 text'],
    [{ encryption: {} }, 'a list of keys'],
    [{ compression: 'zstd' }, 'takes its options as an object'],
    [{ compression: { algorithm: 'brotli' } }, 'zstd or gzip'],
    [{ compression: { minBytes: -1 } }, 'compression.minBytes'],
    [{ maxInflatedBytes: 0 }, 'maxInflatedBytes'],
    [{ maxInflatedBytes: 'hunter2' }, 'maxInflatedBytes'],
    [{ version: 1.5 }, 'version'],
    [{ codec: 'json' }, 'A codec has encode, decode and an id'],
    [{ codec: { ...json, id: 256 } }, 'A codec has'],
    [{ alsoRead: json }, 'alsoRead must be a list'],
    [{ alsoRead: [undefined] }, 'A codec has'],
    [{ codec: json, alsoRead: [{ ...json, name: 'mine' }] }, 'Two codecs have the id 1: json, mine.'],
    ['hunter2', 'takes its options as an object'],
    [null, 'takes its options as an object'],
  ])('%j', (options, message) => {
    expect(refused(() => createSerializer(options as SerializerOptions))).toContain(message);
  });

  it('a context that is no text', () => {
    refused(() => createSerializer().serialize(1, 5 as never));
    refused(() => createSerializer().deserialize(createSerializer().serialize(1), null as never));
  });

  it('what is no bytes, as bytes that cannot be read', () => {
    for (const value of [undefined, null, 'text', {}, [1]]) {
      expect(() => createSerializer().deserialize(value as never)).toThrow(
        expect.objectContaining({ code: 'serialization.corrupt' }),
      );
    }
  });
});

it('takes undefined for what is left out', () => {
  const options: Required<SerializerOptions> = {
    codec: undefined,
    alsoRead: undefined,
    version: undefined,
    compression: { minBytes: undefined, algorithm: undefined },
    encryption: undefined,
    maxInflatedBytes: undefined,
  };
  const serializer = createSerializer(options);
  expect(serializer.deserialize(serializer.serialize([1]))).toEqual([1]);
});
