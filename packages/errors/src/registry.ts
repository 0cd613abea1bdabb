import { refuseUnknown } from '@ent/internal';
import { ConfigurationError } from './classes.ts';
import type { EntError } from './error.ts';
import { BRAND } from './internal/brand.ts';
import { claimCode, isStatus, makerOf } from './internal/codes.ts';
import { createFrom, fill, nativeArguments, traitProperties } from './internal/construct.ts';
import { asRetryable } from './internal/members.ts';
import { titleFor } from './internal/titles.ts';
import type { EntErrorOptions, ErrorTraits } from './options.ts';

/** A class of errors: {@link EntError}, one of the domain classes, or a class of your own that extends one of them. */
export type EntErrorClass<E extends EntError = EntError> = new (message: string, options?: EntErrorOptions) => E;

type SomeTraits = { readonly [Name in keyof ErrorTraits]?: ErrorTraits[Name] | undefined };

/** The definition of one error code. What is left out comes from the class. */
export interface ErrorSpec extends SomeTraits {
  /** What `instanceof` says about such an error. */
  readonly class: EntErrorClass;
}

/** Makes errors of one code. */
export interface ErrorFactory<E extends EntError, Code extends string> {
  (message: string, options?: EntErrorOptions): E & { readonly code: Code };
  /** The full code, `<namespace>.<key>`. */
  readonly code: Code;
}

/** What {@link defineErrors} makes: a factory for each key. */
export type ErrorFactories<Namespace extends string, Specs extends Record<string, ErrorSpec>> = {
  readonly [Key in keyof Specs & string]: ErrorFactory<InstanceType<Specs[Key]['class']>, `${Namespace}.${Key}`>;
};

const WORD = /^[a-z][a-z0-9_]*$/;

/**
 * Defines a package's or an application's error codes: `<namespace>.<key>`.
 *
 * ```ts
 * import { CacheError, defineErrors } from '@ent/errors';
 *
 * const errors = defineErrors('example_cache', {
 *   timeout: { class: CacheError, title: 'Cache timed out', retryable: 'idempotent', expose: false },
 * });
 * const error = errors.timeout('GET took longer than 500 ms.');
 * console.log(error.code, error instanceof CacheError); // example_cache.timeout true
 * ```
 *
 * @throws ConfigurationError when a code is already defined in this process, or a name or status is malformed
 */
export function defineErrors<const Namespace extends string, const Specs extends Record<string, ErrorSpec>>(
  namespace: Namespace,
  specs: Specs,
): ErrorFactories<Namespace, Specs> {
  if (typeof specs !== 'object' || specs === null) {
    throw new ConfigurationError('defineErrors takes a namespace and an object with a definition for each key.');
  }
  const entries = Object.entries(specs).map(([key, spec]) => [key, `${namespace}.${key}`, spec] as const);
  // All or nothing: a definition that was refused can be corrected and made again.
  for (const [key, code, spec] of entries) {
    if (!WORD.test(namespace) || !WORD.test(key)) {
      throw new ConfigurationError(
        `Error code "${code}" is malformed: namespace and key are lower-case words joined by "_".`,
      );
    }
    checkSpec(`Error code "${code}"`, spec);
    if (makerOf(code) !== undefined) {
      throw new ConfigurationError(
        `Error code "${code}" is already defined. Choose another key or namespace; if the package that defines it is installed twice, deduplicate it.`,
      );
    }
  }
  const factories = Object.fromEntries(entries.map(([key, code, spec]) => [key, defineError(code, spec)]));
  return Object.freeze(factories) as ErrorFactories<Namespace, Specs>;
}

function checkSpec(what: string, spec: ErrorSpec): void {
  const fail = (message: string): Error => new ConfigurationError(message);
  refuseUnknown(
    spec,
    { class: true, status: true, title: true, retryable: true, expose: true, publicDetails: true, type: true },
    what,
    fail,
  );
  const { class: Class, status, title, retryable, expose, publicDetails, type } = spec;
  if (typeof Class !== 'function' || !(BRAND in (Class.prototype as object))) {
    throw fail(`${what}: class must be EntError or a class that extends it.`);
  }
  if (status !== undefined && !isStatus(status)) throw fail(`${what}: status must be an integer from 400 to 599.`);
  if (retryable !== undefined && asRetryable(retryable) !== retryable) {
    throw fail(`${what}: retryable must be never, idempotent or always.`);
  }
  if (expose !== undefined && typeof expose !== 'boolean') throw fail(`${what}: expose must be true or false.`);
  if (publicDetails !== undefined && !Array.isArray(publicDetails)) {
    throw fail(`${what}: publicDetails must be a list of names.`);
  }
  for (const [name, text] of Object.entries({ title, type })) {
    if (text !== undefined && typeof text !== 'string') throw fail(`${what}: ${name} must be a text.`);
  }
}

function defineError(code: string, spec: ErrorSpec): unknown {
  const base = spec.class.prototype as EntError;
  // The classes of this package add nothing to the construction; those of others may.
  const direct = Object.hasOwn(base, BRAND);
  // Constructed with itself as new.target: the error gets the prototype below, which carries the traits of the code.
  function make(message: string, options?: EntErrorOptions): EntError {
    return direct
      ? fill(Reflect.construct(Error, nativeArguments(message, options, make), make) as EntError, options)
      : (Reflect.construct(spec.class, [message, options], make) as EntError);
  }
  claimCode(code, make);
  make.prototype = createFrom(
    base,
    traitProperties(
      Object.hasOwn(base, 'name') ? base.name : spec.class.name,
      {
        code,
        status: spec.status ?? base.status,
        title: spec.title ?? titleFor(spec.status ?? base.status, base),
        retryable: spec.retryable ?? base.retryable,
        expose: spec.expose ?? base.expose,
        publicDetails: spec.publicDetails ?? base.publicDetails,
        type: spec.type ?? base.problemType,
      },
      false,
    ),
  );
  return Object.freeze(Object.defineProperty(make, 'code', { value: code, enumerable: true }));
}
