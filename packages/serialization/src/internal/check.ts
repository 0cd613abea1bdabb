import { refuseUnknown } from '@ent/internal';
import type { Codec } from '../codec.ts';
import { serializationErrors } from '../errors.ts';
import type { SerializerOptions } from '../options.ts';

const fail = serializationErrors.invalid_options;
const MAX_VERSION = 0xffff_ffff;

/** @throws `serialization.invalid_options` for an option that does not exist or has a value that it cannot have */
export function checkOptions(options: SerializerOptions): void {
  const known = {
    codec: true,
    alsoRead: true,
    version: true,
    compression: true,
    encryption: true,
    maxInflatedBytes: true,
  } as const;
  refuseUnknown(options, known, 'createSerializer', fail);
  const { codec, alsoRead, version, compression, encryption, maxInflatedBytes } = options;
  if (version !== undefined && !isIntegerIn(version, 0, MAX_VERSION)) {
    throw fail(`version must be an integer from 0 to ${MAX_VERSION}; got ${told(version)}.`);
  }
  checkSize('maxInflatedBytes', maxInflatedBytes, 1);
  if (alsoRead !== undefined && !Array.isArray(alsoRead)) throw fail(`alsoRead must be a list; got ${told(alsoRead)}.`);
  checkCodecs(codec, alsoRead ?? []);
  if (compression !== undefined) {
    refuseUnknown(compression, { minBytes: true, algorithm: true }, 'createSerializer: compression', fail);
    checkSize('compression.minBytes', compression.minBytes, 0);
    if (!['zstd', 'gzip', undefined].includes(compression.algorithm)) {
      throw fail(`compression.algorithm must be zstd or gzip; got ${told(compression.algorithm)}.`);
    }
  }
  if (encryption !== undefined) {
    refuseUnknown(encryption, { keys: true }, 'createSerializer: encryption', fail);
    // A text is a list of letters to map().
    if (!Array.isArray(encryption.keys)) throw fail('encryption.keys must be a list of keys.');
  }
}

function checkCodecs(codec: Codec | undefined, alsoRead: readonly Codec[]): void {
  const names = new Map<number, Codec>();
  for (const one of [...(codec === undefined ? [] : [codec]), ...alsoRead]) {
    if (typeof one?.encode !== 'function' || typeof one.decode !== 'function' || !isIntegerIn(one.id, 1, 255)) {
      throw fail('A codec has encode, decode and an id from 1 to 255.');
    }
    const other = names.get(one.id);
    if (other !== undefined && other !== one)
      throw fail(`Two codecs have the id ${one.id}: ${other.name}, ${one.name}.`);
    names.set(one.id, one);
  }
}

function checkSize(name: string, value: number | undefined, least: number): void {
  if (value !== undefined && !isIntegerIn(value, least, Number.MAX_SAFE_INTEGER)) {
    throw fail(`${name} must be an integer of at least ${least}; got ${told(value)}.`);
  }
}

function isIntegerIn(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** Numbers as they are, of anything else the kind: it can be a key. */
function told(value: unknown): string {
  return typeof value === 'number' || value === null ? String(value) : `a ${typeof value}`;
}
