import { refuseUnknown } from '@ent/internal';
import type { EntityModel } from '../entity.ts';
import { databaseErrors } from '../errors.ts';
import type { CallOptions } from '../options.ts';

const CALL = { signal: true, timeout: true } as const;
const READ = { ...CALL, withDeleted: true } as const;
const FILTER = { ...READ, where: true } as const;
const SORTED = { ...FILTER, sort: true } as const;

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
  update: { ...READ, version: true },
  updateMany: FILTER,
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
}

function whereFor(field: string): string {
  return `Conditions on fields stand in "where": { where: { ${field}: ... } }.`;
}

/** Refuses what is no option of a call on the database itself. */
export function expectCallOptions(method: string, options: CallOptions | undefined): void {
  if (options !== undefined) refuseUnknown(options, CALL, method, databaseErrors.invalid_query);
}
