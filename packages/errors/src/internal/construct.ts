import type { EntErrorOptions, ErrorShape, ErrorTraits } from '../options.ts';
import { BRAND } from './brand.ts';
import { claimCode, isCode, isStatus } from './codes.ts';
import { bounded, MAX_MESSAGE, textOf } from './safe.ts';
import { titleFor } from './titles.ts';

// How errors are put together. Capturing the stack is nine tenths of what an error costs, and V8 walks
// every frame between the caller and `Error` for it: a class that reaches `Error` through two constructors
// costs a fifth more than one that gets there in one step. Hence no chain of `super()` and no helper in
// between: `Reflect.construct(Error, ..., target)` gives the error the prototype of `target`, and V8 leaves
// `target` and what it called out of the stack.

interface ErrorConstructor {
  new (message: string, options?: EntErrorOptions): ErrorShape;
  readonly prototype: ErrorShape;
}

/** A class, with the static methods of `Base`, whose traits lie on its prototype. */
export function domainClass<Class extends ErrorConstructor>(
  Base: ErrorConstructor,
  name: string,
  traits: ErrorTraits & { readonly code: string },
): Class {
  function Domain(message: string, options?: EntErrorOptions): ErrorShape {
    // Without `new` it makes one too, as `Error()` does.
    const target = (new.target ?? Domain) as unknown as ErrorConstructor;
    return fill(Reflect.construct(Error, nativeArguments(message, options, target), target) as ErrorShape, options);
  }
  Domain.prototype = createFrom(Base.prototype, {
    constructor: { value: Domain, writable: true, configurable: true },
    ...traitProperties(name, traits),
  });
  Object.defineProperty(Domain, 'name', { value: name, configurable: true });
  Object.setPrototypeOf(Domain, Base);
  const Made = Domain as unknown as Class;
  claimCode(traits.code, (message, options) => new Made(message, options));
  return Made;
}

/** `Object.create`, which TypeScript has answer `any`. */
export const createFrom = Object.create as <Base extends object>(base: Base, properties: PropertyDescriptorMap) => Base;

/** What `Error` itself takes. */
export function nativeArguments(
  message: unknown,
  options: EntErrorOptions | undefined,
  target: { readonly prototype: ErrorShape },
): [string, ErrorOptions?] {
  const text = typeof message === 'string' ? bounded(message, MAX_MESSAGE) : messageFor(message, options, target);
  const cause = options?.cause ?? (typeof message === 'object' && message !== null ? message : undefined);
  // Without the check, console.log would show an own `cause: undefined`.
  return cause === undefined ? [text] : [text, { cause }];
}

/**
 * JavaScript leaves the message out, or gives something else for it: then the message is the title. An object, such as
 * the error of a database, becomes the cause: a client reads messages.
 */
function messageFor(
  message: unknown,
  options: EntErrorOptions | undefined,
  target: { readonly prototype: ErrorShape },
): string {
  if (['number', 'bigint', 'boolean'].includes(typeof message)) return textOf(message);
  return isStatus(options?.status) ? titleFor(options.status, target.prototype) : target.prototype.title;
}

/** The own members of an error. */
export function fill<E extends ErrorShape>(error: E, options: EntErrorOptions | null | undefined): E {
  const own = error as { -readonly [K in keyof ErrorShape]: ErrorShape[K] };
  // Own and enumerable, so that console.log and other people's serialisers show it.
  own.code = isCode(options?.code) ? options.code : error.code;
  if (options === undefined || options === null) return error;
  if (options.issues !== undefined) own.issues = options.issues;
  if (options.details !== undefined) own.details = options.details;
  if (options.retryAfterMs !== undefined) own.retryAfterMs = options.retryAfterMs;
  if (isStatus(options.status)) {
    const title = titleFor(options.status, error);
    // Not by assignment, which is refused: everybody sees the title, and nobody's data belong there.
    if (title !== error.title) Object.defineProperty(error, 'title', { value: title });
    own.status = options.status;
  }
  if (options.headers !== undefined) own.headers = options.headers;
  return error;
}

/** The traits of a class or a code, for its prototype; with the brand of a class, which a code has not. */
export function traitProperties(
  name: string,
  traits: ErrorTraits & { readonly code: string },
  branded = true,
): PropertyDescriptorMap {
  // Writable where an instance may have its own; enumerable nowhere, they are not data of the instance.
  return {
    ...(branded ? { [BRAND]: { value: name } } : {}),
    name: { value: name, writable: true, configurable: true },
    code: { value: traits.code, writable: true },
    status: { value: traits.status, writable: true },
    title: { value: traits.title },
    retryable: { value: traits.retryable },
    expose: { value: traits.expose },
    problemType: { value: traits.type ?? 'about:blank' },
    publicDetails: { value: Object.freeze([...(traits.publicDetails ?? [])]) },
  };
}
