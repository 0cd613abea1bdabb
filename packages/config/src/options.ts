import type { z } from 'zod';
import type { Secret } from './secret.ts';

/** Where {@link defineConfig} looks. */
export interface ConfigOptions {
  /**
   * Put before every variable, such as `APP_`. Variables that begin with it
   * and are no settings are faults. Default: none.
   */
  readonly prefix?: string | undefined;
  /** The environment. Read, never written. Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** The folder with `.env`, `.env.<NODE_ENV>` and `.env.local`; `false` reads none. Default: the working directory. */
  readonly dir?: string | false | undefined;
  /**
   * Folders with one file per variable, as Docker and Kubernetes mount secrets; the last
   * one wins, an absent one is empty. Default: none.
   */
  readonly secretsDir?: string | readonly string[] | undefined;
  /**
   * Command-line flags: `true` for those of the process, or the arguments.
   * `DATABASE__POOL_SIZE` is `--database.pool-size`. Default: none.
   */
  readonly argv?: boolean | readonly string[] | undefined;
  /**
   * What a variable means that is no setting but begins with the prefix, or is one slip away from the name of a setting
   * that is not set: a fault, or nothing. Default: `'error'`.
   */
  readonly unknown?: 'error' | 'ignore' | undefined;
}

/** Options of one {@link Config.load}: those of the definition, and values that win over every source. */
export interface LoadOptions<Schema extends z.ZodObject> extends Omit<ConfigOptions, 'prefix'> {
  readonly overrides?: Overrides<Schema> | undefined;
}

/** Some of the settings, in the shape of the schema. Text is read as the text of a variable would be. */
export type Overrides<Schema extends z.ZodObject> = Partially<z.input<Schema>>;

type Primitive = string | number | bigint | boolean | symbol | null | undefined;

type Partially<T> = T extends Primitive | readonly unknown[]
  ? T | string
  : T extends object
    ? { readonly [Key in keyof T]?: Partially<T[Key]> | undefined }
    : T | string;

/** The settings: the output of the schema, frozen all the way down. */
export type Settings<Schema extends z.ZodObject> = Frozen<z.output<Schema>>;

// Class instances are what they are: a Secret, a Date, a URL.
type Frozen<T> = T extends Primitive | Secret | Date | URL | RegExp | ((...args: never) => unknown)
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, V>
    : T extends ReadonlySet<infer V>
      ? ReadonlySet<V>
      : T extends object
        ? { readonly [Key in keyof T]: Frozen<T[Key]> }
        : T;

/** One variable of a schema. */
export interface Variable {
  readonly name: string;
  /** Where the setting stands in the result. */
  readonly path: readonly string[];
  /** What it takes, in words. */
  readonly expected: string;
  /** Whether the program does not start without it. */
  readonly required: boolean;
  /** Never shown, and no command-line flag. */
  readonly secret: boolean;
  /** The default, as the text of the variable. Absent for secrets. */
  readonly default?: string;
  /** From `.meta({ example })`. Absent for secrets. */
  readonly example?: string;
  /** From `.describe()` or `.meta({ description })`. */
  readonly description?: string;
}

/** One thing that is wrong. Holds no value. */
export interface ConfigFault {
  /** The variable, flag or file. */
  readonly variable: string;
  /** `.env:3`, `environment`, `not set`, `default of the schema`, ... */
  readonly source: string;
  /** What was expected. */
  readonly expected: string;
  /** The setting in the schema, where there is one. */
  readonly path?: readonly string[];
  /** The name that was perhaps meant. */
  readonly suggestion?: string;
}
