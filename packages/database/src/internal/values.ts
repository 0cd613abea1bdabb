import { isDate, isUint8Array } from 'node:util/types';
import type { EntityField } from '../entity.ts';
import type { FieldType } from '../field.ts';
import { asJson } from './json-copy.ts';
import { Mismatch } from './mismatch.ts';
import { fitting } from './native-values.ts';

const DECIMAL = /^(-?)0*(\d+)(?:\.(\d*?)0*)?$/;
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const DATES = { min: Date.parse('0001-01-01T00:00:00.000Z'), max: Date.parse('9999-12-31T23:59:59.999Z') };

/**
 * The value as it will be read back: checked against the type of its field, in its canonical form, and sharing nothing
 * with the caller's object. Every database stores what passes here; what one of them cannot store is refused for all.
 *
 * @throws Mismatch
 */
export function storable(field: EntityField, value: unknown): unknown {
  if (value === null) {
    if (field.nullable) return null;
    throw new Mismatch('required', 'must not be null');
  }
  const kept = canonical(field.type, value);
  return field.as === undefined ? kept : fitting(field, kept);
}

function canonical(type: FieldType, value: unknown): unknown {
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw new Mismatch('invalid_type', 'must be a string');
      if (!isStorableText(value)) throw new Mismatch('invalid_text', 'must be well-formed Unicode without U+0000');
      return value;
    case 'int':
      if (!Number.isSafeInteger(value)) throw new Mismatch('invalid_type', 'must be an integer within 2^53');
      return (value as number) + 0; // -0 becomes 0
    case 'bigint':
      if (typeof value !== 'bigint') throw new Mismatch('invalid_type', 'must be a bigint');
      if (value < INT64.min || value > INT64.max) throw new Mismatch('out_of_range', 'must fit into 64 bits');
      return value;
    case 'decimal':
      return decimal(value);
    case 'double':
      if (!Number.isFinite(value)) throw new Mismatch('invalid_type', 'must be a finite number');
      return (value as number) + 0;
    case 'boolean':
      if (typeof value !== 'boolean') throw new Mismatch('invalid_type', 'must be a boolean');
      return value;
    case 'date':
      if (!isDate(value) || Number.isNaN(value.getTime())) {
        throw new Mismatch('invalid_type', 'must be a valid Date');
      }
      if (value.getTime() < DATES.min || value.getTime() > DATES.max) {
        throw new Mismatch('out_of_range', 'must be in the years 1 to 9999');
      }
      return new Date(value.getTime());
    case 'json':
      return json(value);
    case 'bytes':
      if (!isUint8Array(value)) throw new Mismatch('invalid_type', 'must be a Uint8Array');
      return new Uint8Array(value);
  }
}

/** Whether every database can store this text and give it back unchanged. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function decimal(value: unknown): string {
  const match = typeof value === 'string' ? DECIMAL.exec(value) : null;
  if (match === null) throw new Mismatch('invalid_type', 'must be a decimal number as a string, such as "19.99"');
  const [, sign, whole = '', fraction = ''] = match;
  if (whole.length + fraction.length > 34) throw new Mismatch('out_of_range', 'must have at most 34 digits');
  const number = fraction === '' ? whole : `${whole}.${fraction}`;
  return number === '0' ? number : `${sign}${number}`;
}

function json(value: unknown): unknown {
  const kept = asJson(value);
  if (kept === undefined) throw new Mismatch('invalid_type', 'must be something that JSON can express');
  return kept;
}
