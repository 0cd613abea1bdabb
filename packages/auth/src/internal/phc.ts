/** An argon2 hash string, taken apart. */
export interface Argon2Hash {
  readonly type: string;
  readonly version: number;
  /** KiB. */
  readonly memory: number;
  readonly iterations: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly digest: Buffer;
  /** Written as the reference implementation writes it: v present, parameters in the order m, t, p. */
  readonly canonical: boolean;
}

const FORM =
  /^\$(argon2(?:id|i|d))\$(?:v=(\d{1,3})\$)?([mtp]=\d{1,10},[mtp]=\d{1,10},[mtp]=\d{1,10})\$([A-Za-z\d+/]{2,128})\$([A-Za-z\d+/]{2,256})$/;

/**
 * Reads a PHC string of argon2, or undefined.
 *
 * The library's own parser is not used: it throws on much of what a damaged database can hold, and accepts parameters
 * that would occupy the machine for hours. Parameters are taken in any order, since argon2 0.45 for Node writes m,p,t.
 */
export function parseArgon2(text: unknown): Argon2Hash | undefined {
  const match = typeof text === 'string' && text.length <= 512 ? FORM.exec(text) : null;
  if (!match) return undefined;
  const [, type, version, list, salt, digest] = match as unknown as [
    string,
    string,
    string | undefined,
    string,
    string,
    string,
  ];
  const pairs = list.split(',').map((pair) => [pair[0], Number(pair.slice(2))] as const);
  const { m, t, p } = Object.fromEntries(pairs) as { m?: number; t?: number; p?: number };
  if (m === undefined || t === undefined || p === undefined) return undefined;
  return {
    type,
    // Without "v" it is version 1.0 (0x10), as in the reference implementation.
    version: version === undefined ? 0x10 : Number(version),
    memory: m,
    iterations: t,
    parallelism: p,
    salt: Buffer.from(salt, 'base64'),
    digest: Buffer.from(digest, 'base64'),
    canonical: version !== undefined && /^m=\d+,t=\d+,p=\d+$/.test(list),
  };
}

/** Writes a PHC string in the canonical order m, t, p: the only one that argon2-cffi and passlib read. */
export function formatArgon2(hash: Omit<Argon2Hash, 'canonical'>): string {
  const { type, version, memory, iterations, parallelism } = hash;
  return `$${type}$v=${version}$m=${memory},t=${iterations},p=${parallelism}$${bare(hash.salt)}$${bare(hash.digest)}`;
}

function bare(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
