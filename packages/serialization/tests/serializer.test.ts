import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createSerializer, json, v8 } from '../src/index.ts';
import { msgpack } from '../src/codecs/msgpack.ts';

const value = { name: 'Ada', tags: ['x', 'y'], text: 'lorem ipsum '.repeat(500) };
const key = (): string => randomBytes(32).toString('base64');
const code = (call: () => unknown): unknown => {
  try {
    call();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'no error';
};

describe('createSerializer', () => {
  const variants = {
    plain: {},
    msgpack: { codec: msgpack },
    zstd: { compression: {} },
    gzip: { compression: { algorithm: 'gzip' } },
    encrypted: { encryption: { keys: [key()] } },
    everything: {
      codec: v8,
      version: 4_294_967_295,
      compression: { minBytes: 1 },
      encryption: { keys: [key(), key()] },
    },
  } as const;

  it.each(Object.entries(variants))('%s: gives back what it was given', (_name, options) => {
    const serializer = createSerializer(options);
    for (const one of [value, undefined, null, '', 0, [], 'short']) {
      expect(serializer.deserialize(serializer.serialize(one, 'k'), 'k')).toEqual(one);
    }
  });

  it.each(Object.entries(variants))(
    '%s: refuses bytes that are cut or changed, and never crashes on any',
    (_name, options) => {
      const serializer = createSerializer(options);
      const bytes = serializer.serialize(value);
      const codes = new Set<unknown>();
      const attempt = (input: Uint8Array): void => {
        // A changed byte inside a JSON string is still a JSON string: only encryption notices that.
        const got = code(() => serializer.deserialize(input));
        if (got !== 'no error') codes.add(got);
        else if ('encryption' in options) expect.unreachable('changed bytes were accepted');
      };
      for (let i = 0; i < bytes.length; i += 1 + Math.floor(i / 64)) {
        attempt(bytes.subarray(0, i));
        const changed = Buffer.from(bytes);
        changed[i]! ^= 0x41;
        attempt(changed);
      }
      for (let i = 0; i < 200; i++) attempt(randomBytes(i));
      for (const seen of codes) {
        expect(['serialization.corrupt', 'serialization.other_version', 'serialization.unknown_key']).toContain(seen);
      }
    },
  );

  it('tells bytes of another version or codec from corrupt ones', () => {
    const bytes = createSerializer({ version: 1 }).serialize(value);
    expect(code(() => createSerializer({ version: 2 }).deserialize(bytes))).toBe('serialization.other_version');
    expect(code(() => createSerializer({ version: 1, codec: v8 }).deserialize(bytes))).toBe(
      'serialization.other_version',
    );
    expect(createSerializer({ version: 1, codec: v8, alsoRead: [json] }).deserialize(bytes)).toEqual(value);
    expect(code(() => createSerializer().deserialize(Buffer.from('{"a":1}')))).toBe('serialization.corrupt');
    const future = Buffer.from(bytes);
    future[1] = 2;
    expect(code(() => createSerializer({ version: 1 }).deserialize(future))).toBe('serialization.other_version');
    const flags = Buffer.from(bytes);
    flags[3] = 0x80;
    expect(code(() => createSerializer({ version: 1 }).deserialize(flags))).toBe('serialization.other_version');
  });

  it('reads what was compressed, whatever its own compression is', () => {
    const bytes = createSerializer({ compression: { algorithm: 'gzip' } }).serialize(value);
    expect(createSerializer().deserialize(bytes)).toEqual(value);
    expect(createSerializer({ compression: {} }).deserialize(bytes)).toEqual(value);
    expect(bytes.length).toBeLessThan(500);
  });

  it('compresses from the size it is told, and only what gets smaller', () => {
    const serializer = createSerializer({ compression: { minBytes: 100 } });
    expect(serializer.serialize('a'.repeat(97)).length).toBe(8 + 99);
    expect(serializer.serialize('a'.repeat(98)).length).toBeLessThan(60);
    const noise = randomBytes(200);
    const binary = createSerializer({ codec: msgpack, compression: { minBytes: 1 } });
    expect(binary.serialize(noise).length).toBe(8 + 202);
  });

  it('does not inflate past its limit', () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, 0x20));
    const header = createSerializer({ compression: { algorithm: 'gzip' } })
      .serialize(value)
      .subarray(0, 8);
    const serializer = createSerializer({ maxInflatedBytes: 1_000_000 });
    expect(code(() => serializer.deserialize(Buffer.concat([header, bomb])))).toBe('serialization.too_large');
  });

  it('rotates keys: the first encrypts, all decrypt, a dropped one is unknown', () => {
    const [older, newer] = [key(), key()];
    const before = createSerializer({ encryption: { keys: [older] } });
    const during = createSerializer({ encryption: { keys: [newer, older] } });
    const after = createSerializer({ encryption: { keys: [Buffer.from(newer, 'base64')] } });
    const old = before.serialize(value);
    expect(during.deserialize(old)).toEqual(value);
    expect(after.deserialize(during.serialize(value))).toEqual(value);
    expect(code(() => after.deserialize(old))).toBe('serialization.unknown_key');
    expect(code(() => before.deserialize(during.serialize(value)))).toBe('serialization.unknown_key');
  });

  it('refuses encrypted bytes that were moved to another context, and plain bytes where encryption is on', () => {
    const serializer = createSerializer({ encryption: { keys: [key()] } });
    const bytes = serializer.serialize(value, 'user:1');
    expect(code(() => serializer.deserialize(bytes, 'user:2'))).toBe('serialization.corrupt');
    expect(code(() => serializer.deserialize(createSerializer().serialize(value)))).toBe('serialization.unknown_key');
    expect(code(() => createSerializer().deserialize(bytes))).toBe('serialization.unknown_key');
  });

  it('does not show the value in the bytes when it is encrypted, and never encrypts twice alike', () => {
    const serializer = createSerializer({ encryption: { keys: [key()] } });
    const [one, two] = [serializer.serialize('hunter2'), serializer.serialize('hunter2')];
    expect(one.includes('hunter2')).toBe(false);
    expect(one.equals(two)).toBe(false);
  });

  it('keeps values out of its errors', () => {
    const bytes = createSerializer().serialize({ password: 'hunter2' });
    try {
      createSerializer().deserialize(bytes.subarray(0, -1));
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain('hunter2');
      expect((error as Error).cause).toBeUndefined();
    }
  });

  it.each([
    [{ version: -1 }, /version must be an integer/],
    [{ version: 1.5 }, /version must be an integer/],
    [{ encryption: { keys: [] } }, /encryption\.keys is empty/],
    [{ encryption: { keys: ['c2hvcnQ='] } }, /encryption\.keys\[0\] has 5 bytes/],
  ])('refuses the options %j when it is made', (options, message) => {
    expect(() => createSerializer(options)).toThrow(message);
  });
});
