import { kindOf, refuseUnknown } from '@ent/internal';
import type { EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import type { CallOptions, TransactionOptions } from '../options.ts';

const CALL = { signal: true, timeout: true } as const;
const ALIVE = { ...CALL, withDeleted: true } as const;
const READ = { ...ALIVE, from: true } as const;
const FILTER = { ...READ, where: true } as const;
const SORTED = { ...FILTER, sort: true } as const;

/** Those that are true or false. A text or a number would be taken for one of them, and perhaps for the wrong one. */
const FLAGS = ['withDeleted', 'hard', 'readOnly'] as const;
const PROPAGATIONS: readonly unknown[] = [undefined, 'required', 'nested', 'new'];

/** The options of each method of a repository. */
const KNOWN = {
  get: { ...READ, select: true },
  find: { ...SORTED, select: true, limit: true, offset: true },
  window: { ...SORTED, select: true, limit: true, after: true, before: true },
  stream: { ...SORTED, select: true, batchSize: true },
  count: FILTER,
  exists: FILTER,
  aggregate: { ...FILTER, values: true, by: true },
  insert: CALL,
  insertMany: CALL,
  update: { ...ALIVE, version: true },
  updateMany: { ...ALIVE, where: true },
  upsert: CALL,
  delete: { ...CALL, version: true, hard: true },
  deleteMany: { ...CALL, where: true, hard: true },
} as const;

/**
 * Refuses what is no option of a method: a misspelt one would change nothing, and a condition that stands there itself
 * would find every row.
 */
export function expectOptions(
  { name: entity, fields }: EntityModel,
  method: keyof typeof KNOWN,
  options: object,
): void {
  const known: Readonly<Record<string, true>> = KNOWN[method];
  refuseUnknown(options, known, `${entity}.${method}`, (message) => {
    const given: object = typeof options === 'object' ? (options ?? {}) : {};
    const stray = Object.keys(given).find((name) => fields.has(name) && !Object.hasOwn(known, name));
    const advice = stray === undefined || !Object.hasOwn(known, 'where') ? '' : ` ${whereFor(stray)}`;
    return databaseErrors.invalid_query(message + advice, { details: { entity } });
  });
  expectFlags(`${entity}.${method}`, options);
  const { from } = options as { readonly from?: unknown };
  if (from === undefined || from === 'primary') return;
  throw databaseErrors.invalid_query(`${entity}.${method}: from must be 'primary'.`, { details: { entity } });
}

function whereFor(field: string): string {
  return `Conditions on fields stand in "where": { where: { ${field}: ... } }.`;
}

/** Refuses what is no option of a call on the database itself. */
export function expectCallOptions(method: string, options: CallOptions | undefined): void {
  if (options !== undefined) refuseUnknown(options, CALL, method, databaseErrors.invalid_query);
}

/** Refuses values that the options of a transaction cannot have: a misspelt one would change what it is. */
export function expectTransaction(what: string, options: TransactionOptions): void {
  const { propagation, retries } = options;
  if (!PROPAGATIONS.includes(propagation)) {
    throw databaseErrors.invalid_query(`${what}: propagation must be 'required', 'nested' or 'new'.`);
  }
  if (retries !== undefined && !isRetries(retries)) {
    throw databaseErrors.invalid_query(`${what}: retries must be a whole number, 0 or more.`);
  }
  expectFlags(what, options);
}

/** Whether it is a number of times. */
export function isRetries(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

function expectFlags(what: string, options: object): void {
  for (const name of FLAGS) {
    const value: unknown = Reflect.get(options, name);
    if (value === undefined || typeof value === 'boolean') continue;
    throw databaseErrors.invalid_query(`${what}: ${name} must be true or false; got ${kindOf(value)}.`);
  }
}
