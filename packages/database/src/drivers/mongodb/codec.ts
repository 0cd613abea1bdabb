import { Binary, Decimal128, type Document, Double, ObjectId } from 'mongodb';
import type { Row } from '../../driver.ts';
import type { EntityField, EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import type { FieldType } from '../../field.ts';
import { decodeJson, type DocumentRules, encodeJson } from './json.ts';

/** How values are stored. */
export interface StorageRules extends DocumentRules {
  readonly decimals: 'decimal128' | 'text';
}

/** A value in the form in which it is stored and compared, and back. */
interface FieldCodec {
  encode(value: unknown): unknown;
  /** @throws TypeError for what is no such value */
  decode(stored: unknown): unknown;
}

/** What a field is called in documents. A composite id has a unique key beside an `_id` that is nobody's. */
export function keyOf(entity: EntityModel, name: string): string {
  const [only, ...others] = entity.id;
  return name === only && others.length === 0 ? '_id' : fieldOf(entity, name).column;
}

/** The codecs of all types, and of entities. */
export class Codecs {
  readonly #fields: Readonly<Record<FieldType, FieldCodec>>;
  readonly #projections = new WeakMap<EntityModel, Document>();

  constructor(rules: () => StorageRules) {
    this.#fields = codecsBy(rules);
  }

  encode({ type, as }: Pick<EntityField, 'type' | 'as'>, value: unknown): unknown {
    if (value === null) return null;
    return as === 'objectId' ? ObjectId.createFromHexString(value as string) : this.#fields[type].encode(value);
  }

  /** @throws an error of any kind for what is no such value */
  decode({ type, as }: Pick<EntityField, 'type' | 'as'>, stored: unknown): unknown {
    if (as !== 'objectId') return this.#fields[type].decode(stored);
    if (stored instanceof ObjectId) return stored.toHexString();
    throw new TypeError('no ObjectId');
  }

  document(entity: EntityModel, row: Row): Document {
    const document: Document = {};
    for (const field of entity.fields.values())
      document[keyOf(entity, field.name)] = this.encode(field, row[field.name]);
    return document;
  }

  /** A stored document as a row, or some fields of it. A field that is missing is null, as for the server. */
  row(entity: EntityModel, document: Document, names?: readonly string[]): Row {
    const row: Row = {};
    for (const field of entity.fields.values()) {
      const { name, type, nullable } = field;
      if (names?.includes(name) === false) continue;
      const stored: unknown = document[keyOf(entity, name)] ?? null;
      if (stored === null && !nullable) throw misfit(entity, name, 'is null, but the field is not nullable');
      try {
        row[name] = stored === null ? null : this.decode(field, stored);
      } catch {
        // Without a cause: it may quote the value.
        throw misfit(entity, name, `is no ${field.as ?? type}`);
      }
    }
    return row;
  }

  /** What to ask for: fields of the entity, and no others that documents have. */
  projection(entity: EntityModel, names?: readonly string[]): Document {
    if (names !== undefined) return projectionOf(entity, names);
    let projection = this.#projections.get(entity);
    if (projection === undefined) {
      projection = projectionOf(entity, [...entity.fields.keys()]);
      this.#projections.set(entity, projection);
    }
    return projection;
  }
}

function projectionOf(entity: EntityModel, names: readonly string[]): Document {
  return { _id: 0, ...Object.fromEntries(names.map((name) => [keyOf(entity, name), 1])) };
}

/** The field of an entity; the core has checked that there is one. */
export function fieldOf(entity: EntityModel, name: string): EntityField {
  return entity.fields.get(name) as EntityField;
}

function codecsBy(rules: () => StorageRules): Readonly<Record<FieldType, FieldCodec>> {
  const expect = (isRight: boolean): void => {
    if (!isRight) throw new TypeError('another type');
  };
  const asIs = (type: 'string' | 'boolean'): FieldCodec => ({
    encode: (value) => value,
    decode(stored) {
      expect(typeof stored === type);
      return stored;
    },
  });
  return {
    string: asIs('string'),
    boolean: asIs('boolean'),
    // The library would make a double of a number beyond 32 bits.
    int: {
      encode: (value) => (isInt32(value as number) ? value : BigInt(value as number)),
      decode(stored) {
        const number = Number(stored);
        expect((typeof stored === 'number' || typeof stored === 'bigint') && Number.isSafeInteger(number));
        return number;
      },
    },
    bigint: {
      encode: (value) => value,
      decode(stored) {
        expect(typeof stored === 'bigint' || Number.isSafeInteger(stored));
        return BigInt(stored as bigint);
      },
    },
    decimal: {
      encode: (value) => (rules().decimals === 'text' ? value : Decimal128.fromString(value as string)),
      decode(stored) {
        expect(typeof stored === 'string' || stored instanceof Decimal128);
        return typeof stored === 'string' ? stored : plainOf((stored as Decimal128).toString());
      },
    },
    // And a 32-bit integer of 2.
    double: {
      encode: (value) => new Double(value as number),
      decode(stored) {
        expect(typeof stored === 'bigint' || Number.isFinite(stored));
        return Number(stored) + 0;
      },
    },
    date: {
      encode: (value) => value,
      decode(stored) {
        expect(stored instanceof Date && !Number.isNaN(stored.getTime()));
        return stored;
      },
    },
    json: { encode: (value) => encodeJson(value, rules()), decode: decodeJson },
    bytes: {
      encode: (value) => new Binary(value as Uint8Array),
      decode(stored) {
        expect(stored instanceof Binary);
        return new Uint8Array((stored as Binary).value());
      },
    },
  };
}

function isInt32(value: number): boolean {
  return (value | 0) === value;
}

const SCIENTIFIC = /^(-?)(\d+)(?:\.(\d+))?(?:E([+-]?\d+))?$/;

/** A Decimal128 as the shortest text without an exponent. @throws TypeError for Infinity and NaN */
export function plainOf(text: string): string {
  const match = SCIENTIFIC.exec(text);
  if (match === null) throw new TypeError('no number');
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const point = whole.length + Number(exponent);
  const digits = whole + fraction;
  const integer = (point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')).replace(/^0+(?=\d)/, '');
  const rest = (point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point)).replace(/0+$/, '');
  const number = rest === '' ? integer : `${integer}.${rest}`;
  return number === '0' ? number : `${sign}${number}`;
}

function misfit(entity: EntityModel, field: string, why: string): Error {
  return databaseErrors.bad_data(`${entity.name}: a stored value of "${field}" ${why}.`, {
    details: { entity: entity.name, fields: [field] },
  });
}
