import { refuseUnknown, toMilliseconds } from '@ent/internal';
import { z } from 'zod';
import { configErrors } from './errors.ts';
import { Secret } from './secret.ts';

// Schemas for what zod has no type for. Plain z.number(), z.boolean(), z.enum() and z.array() need
// none: defineConfig reads them from text by itself.

const DURATION = 'a duration such as "250ms", "30s", "5m", "2h" or "7d"';

/**
 * A length of time, in milliseconds: `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. A
 * default in the same notation is `.prefault('5m')`. `duration({ zero: true })` takes `"0"` and `"0s"` too, for what
 * may be none at all, such as `drainDelay` of a lifecycle.
 *
 * ```ts
 * import { duration } from '@ent/config';
 *
 * console.log(duration().parse('5m')); // 300000
 * console.log(duration({ zero: true }).parse('0s')); // 0
 * ```
 */
export function duration(options: { readonly zero?: boolean | undefined } = {}): z.ZodType<number, string | number> {
  refuseUnknown(options, { zero: true }, 'duration', configErrors.invalid_options);
  const { zero = false } = options;
  if (typeof zero !== 'boolean') throw configErrors.invalid_options('duration: zero must be true or false.');
  const expected = zero ? `${DURATION}, or 0` : DURATION;
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      if (zero && isZero(value)) return 0;
      try {
        return toMilliseconds(value);
      } catch {
        context.addIssue({ code: 'custom', message: `expected ${expected}` });
        return z.NEVER;
      }
    })
    .meta({ expected, unit: 'ms' });
}

function isZero(value: string | number): boolean {
  return typeof value === 'number' ? value === 0 : /^0+(?:\.0+)?\s*(?:ms|s|m|h|d)?$/.test(value.trim());
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
 * A URL, kept as the text it was given, with one host or several (`redis://a:6379,b:6379`). `url({ protocols: ['redis',
 * 'rediss'] })` takes only those schemes. Opaque URLs such as `memory:` and `sqlite:./app.db` are URLs too.
 */
export function url(options: { readonly protocols?: readonly string[] | undefined } = {}): z.ZodType<string, string> {
  refuseUnknown(options, { protocols: true }, 'url', configErrors.invalid_options);
  const given: unknown = options.protocols;
  if (given !== undefined && !Array.isArray(given)) {
    throw configErrors.invalid_options('url: protocols must be a list of schemes.');
  }
  const protocols = options.protocols?.map((protocol) => `${protocol.replace(/:(\/\/)?$/, '')}:`);
  const expected = protocols === undefined ? 'a URL' : `a URL that begins with ${protocols.join(' or ')}`;
  return z
    .string()
    .refine(
      (value) => {
        const protocol = URL.parse(value)?.protocol ?? protocolOfSeveral(value);
        return protocol !== undefined && (protocols === undefined || protocols.includes(protocol));
      },
      { error: `expected ${expected}` },
    )
    .meta({ expected });
}

const SEVERAL = /^([a-z][a-z0-9+.-]*:)\/\/(?:[^/?#@]*@)?([^/?#@\s]+,[^/?#@\s]+)(?:[/?#]\S*)?$/i;

/** The scheme of a URL with several hosts, as databases and caches have them and `URL` does not. */
function protocolOfSeveral(value: string): string | undefined {
  const [, protocol, hosts] = SEVERAL.exec(value) ?? [];
  const areHosts = hosts?.split(',').every((host) => URL.canParse(`http://${host}`));
  return areHosts === true ? protocol?.toLowerCase() : undefined;
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
  if (typeof (inner as Partial<z.ZodType> | null)?.transform !== 'function') {
    throw configErrors.invalid_options('secret: give it a schema of zod, or nothing for any text.');
  }
  return inner.transform(conceal);
}

/** Marks a secret in the schema, also where somebody refined it and its metadata was lost. @internal */
export const conceal = (value: string): Secret => new Secret(value);
