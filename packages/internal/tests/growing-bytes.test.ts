import { GrowingBytes } from '@ent/internal';
import { expect, it } from 'vitest';

it.each([
  ['none', []],
  ['one', [5]],
  ['many', Array.from({ length: 3000 }, (_, at) => (at * 7) % 5)],
  ['small and large ones', [1, 100_000, 1, 511, 0, 2]],
])('GrowingBytes gives what came in pieces: %s', (_name, sizes) => {
  const bytes = new GrowingBytes();
  const pieces = sizes.map((size, at) => new Uint8Array(size).fill(at));
  for (const piece of pieces) bytes.add(piece);
  expect(Buffer.concat(pieces).equals(bytes.all())).toBe(true);
  expect(bytes.size).toBe(Buffer.concat(pieces).byteLength);
});

it('GrowingBytes neither copies what came at once nor writes into it', () => {
  const [whole, piece] = [Buffer.from('abcdef'), Buffer.from('g')];
  const bytes = new GrowingBytes();
  bytes.add(whole.subarray(0, 3));
  expect(bytes.all().buffer).toBe(whole.buffer);
  bytes.add(piece);
  expect([Buffer.from(bytes.all()).toString(), whole.toString()]).toEqual(['abcg', 'abcdef']);
});
