import { refuseUnknown } from '@ent/internal';
import type { $ZodType, $ZodTypes } from 'zod/v4/core';
import { httpErrors } from '../errors.ts';
import { demandCount } from './demand.ts';
import type { BodyDocument } from './documented.ts';
import { refuseUnsayable } from './json-only.ts';
import { fieldsOf, isList, unwrap } from './query.ts';
import { isRequired } from './schema-parts.ts';

/** What a form with files has to keep to. */
export interface MultipartLimits {
  readonly maxFiles: number;
  readonly maxFields: number;
  readonly maxFieldBytes: number;
}

const DEFAULTS: MultipartLimits = { maxFiles: 10, maxFields: 100, maxFieldBytes: 64 * 1024 };

export function multipartLimits(options: { [Name in keyof MultipartLimits]?: number | undefined }, what: string) {
  const known = { maxFiles: true, maxFields: true, maxFieldBytes: true } as const;
  refuseUnknown(options, known, what, httpErrors.invalid_options);
  const limits = { ...DEFAULTS };
  for (const [name, limit] of Object.entries(options)) {
    if (limit === undefined) continue;
    demandCount(limit, `${what}: ${name}`);
    limits[name as keyof MultipartLimits] = limit;
  }
  return limits;
}

/** The schema of one value of a field: of a list, that of its elements. */
export function elementOf(field: $ZodType): $ZodTypes {
  const { _zod: known } = unwrap(field);
  return isList(field) && 'element' in known.def ? unwrap(known.def.element) : unwrap(field);
}

/** Refuses what a form cannot carry; files it can, and nothing within them. */
export function refuseUnsayablePart(schema: $ZodType, what: string): void {
  for (const field of Object.values(fieldsOf(schema))) {
    if (!isFile(elementOf(field))) refuseUnsayable(field, 'input', what);
  }
}

export function isFile(schema: $ZodTypes): boolean {
  return schema._zod.def.type === 'file';
}

/** What `z.file()` demands by its checks. */
export interface FileDemands {
  readonly min: number;
  readonly max: number;
  /** Media types; undefined for any. */
  readonly types: readonly string[] | undefined;
  /** There are checks that need the whole file. */
  readonly others: boolean;
}

export function fileDemands({ _zod: { def } }: $ZodTypes): FileDemands {
  const checks = (def.checks ?? []).map(({ _zod: check }) => check.def as { check: string } & Partial<FileCheck>);
  const of = (name: string): Partial<FileCheck>[] => checks.filter(({ check }) => check === name);
  return {
    min: Math.max(0, ...of('min_size').map(({ minimum = 0 }) => minimum)),
    max: Math.min(Infinity, ...of('max_size').map(({ maximum = Infinity }) => maximum)),
    types: of('mime_type').at(-1)?.mime,
    others: checks.some(({ check }) => !FILE_CHECKS.has(check)),
  };
}

interface FileCheck {
  readonly minimum: number;
  readonly maximum: number;
  readonly mime: readonly string[];
}

const FILE_CHECKS = new Set(['min_size', 'max_size', 'mime_type', 'describe', 'metadata']);

/** The form as the document has it, with the types of its files. */
export function documentOf(schema: $ZodType): BodyDocument {
  const encoding: Record<string, { contentType: string }> = {};
  for (const [name, field] of Object.entries(fieldsOf(schema))) {
    const element = elementOf(field);
    const types = isFile(element) ? fileDemands(element).types : undefined;
    if (types !== undefined) encoding[name] = { contentType: types.join(', ') };
  }
  return {
    required: isRequired(schema),
    content: {
      'multipart/form-data': { schema, ...(Object.keys(encoding).length === 0 ? undefined : { encoding }) },
    },
  };
}
