import { toMilliseconds } from '@ent/internal';
import { z } from 'zod';
import { Secret } from './secret.ts';

// Schemas for what zod has no type for. Plain z.number(), z.boolean(), z.enum() and z.array() need
// none: defineConfig reads them from text by itself.

const DURATION = 'a duration such as "250ms", "30s", "5m", "2h" or "7d"';

/**
 * A length of time, in milliseconds: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. A
 * default in the same notation is `.prefault('5m')`.
 *
 * ```ts
 * import { duration } from '@ent/config';
 *
 * console.log(duration().parse('5m')); // 300000
 * ```
 */
export function duration(): z.ZodType<number, string | number> {
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      try {
        return toMilliseconds(value);
      } catch {
        context.addIssue({ code: 'custom', message: `expected ${DURATION}` });
        return z.NEVER;
      }
    })
    .meta({ expected: DURATION, unit: 'ms' });
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/;
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};
const BYTES = 'a size such as "512kB", "16MiB" or "1GiB", or a number of bytes';

/**
 * A size, in bytes: `"16MiB"` is 16 × 1024², `"16MB"` is 16 × 1000² (IEC 80000-13);
 * a number alone is bytes. Case does not matter.
 *
 * ```ts
 * import { bytes } from '@ent/config';
 *
 * console.log(bytes().parse('16MiB')); // 16777216
 * ```
 */
export function bytes(): z.ZodType<number, string | number> {
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const size = toBytes(value);
      if (size !== undefined) return size;
      context.addIssue({ code: 'custom', message: `expected ${BYTES}` });
      return z.NEVER;
    })
    .meta({ expected: BYTES });
}

function toBytes(value: string | number): number | undefined {
  const match = SIZE.exec(String(value).trim().toLowerCase());
  const unit = match === null ? undefined : SIZE_UNITS[match[2] as string];
  if (match === null || unit === undefined) return undefined;
  const size = Number(match[1]) * unit;
  // A fraction of a byte is a mistake: "1.5kB" is 1500, "1.5B" is nothing.
  return Number.isSafeInteger(size) ? size : undefined;
}

/**
 * A URL, kept as the text it was given. `url({ protocols: ['redis', 'rediss'] })` takes only those schemes. Opaque URLs
 * such as `memory:` and `sqlite:./app.db` are URLs too.
 */
export function url(options: { readonly protocols?: readonly string[] } = {}): z.ZodType<string, string> {
  const protocols = options.protocols?.map((protocol) => `${protocol.replace(/:(\/\/)?$/, '')}:`);
  const expected = protocols === undefined ? 'a URL' : `a URL that begins with ${protocols.join(' or ')}`;
  return z
    .string()
    .refine(
      (value) => {
        const parsed = URL.parse(value);
        return parsed !== null && (protocols === undefined || protocols.includes(parsed.protocol));
      },
      { error: `expected ${expected}` },
    )
    .meta({ expected });
}

/**
 * A text that must not be seen: the setting becomes a {@link Secret}, no report and no generated document shows it, and
 * it cannot be given as a command-line flag. Pass a schema for the text inside.
 *
 * ```ts
 * import { secret } from '@ent/config';
 * import { z } from 'zod';
 *
 * const password = secret(z.string().min(8)).parse('correct horse');
 * console.log(`${password}`); // ***
 * ```
 */
export function secret(inner: z.ZodType<string, string> = z.string()): z.ZodType<Secret, string> {
  return inner.transform(conceal);
}

/** Marks a secret in the schema, also where somebody refined it and its metadata was lost. @internal */
export const conceal = (value: string): Secret => new Secret(value);
