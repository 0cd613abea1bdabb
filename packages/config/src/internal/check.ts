import { refuseUnknown } from '@ent/internal';
import { configErrors } from '../errors.ts';
import type { ConfigOptions, LoadOptions } from '../options.ts';

const fail = configErrors.invalid_options;
const SOURCES = { env: true, dir: true, secretsDir: true, argv: true, unknown: true } as const;
const OF_CONFIG = { ...SOURCES, prefix: true } as const;
const OF_LOAD = { ...SOURCES, overrides: true } as const;

/** @throws `config.schema` for anything but an object of zod's */
export function checkSchema(schema: unknown): void {
  const def = (schema as { _zod?: { def?: { type?: unknown } } } | null | undefined)?._zod?.def;
  if (def?.type !== 'object') throw configErrors.schema('defineConfig takes a schema of zod, made by z.object().');
}

/** @throws `config.invalid_options` */
export function checkOptions(options: ConfigOptions): void {
  refuseUnknown(options, OF_CONFIG, 'defineConfig', fail);
  if (options.prefix !== undefined && typeof options.prefix !== 'string') throw fail('prefix must be a text.');
  checkSources(options);
}

/** @throws `config.invalid_options` */
export function checkLoad(options: LoadOptions<never>): void {
  refuseUnknown(options, OF_LOAD, 'load', fail);
  const { overrides } = options as { overrides?: unknown };
  if (overrides !== undefined && (typeof overrides !== 'object' || overrides === null)) {
    throw fail('overrides must be an object.');
  }
  checkSources(options);
}

function checkSources({ env, dir, secretsDir, argv, unknown }: Omit<ConfigOptions, 'prefix'>): void {
  if (env !== undefined && (typeof env !== 'object' || env === null)) throw fail('env must be an object.');
  if (dir !== undefined && dir !== false && typeof dir !== 'string') throw fail('dir must be a path, or false.');
  if (!isTextOrList(secretsDir)) throw fail('secretsDir must be a path, or a list of paths.');
  if (typeof argv !== 'boolean' && (typeof argv === 'string' || !isTextOrList(argv))) {
    throw fail('argv must be true, or a list of arguments.');
  }
  if (!['error', 'ignore', undefined].includes(unknown)) throw fail('unknown must be "error" or "ignore".');
}

function isTextOrList(value: unknown): boolean {
  return (
    value === undefined ||
    typeof value === 'string' ||
    (Array.isArray(value) && value.every((item) => typeof item === 'string'))
  );
}
