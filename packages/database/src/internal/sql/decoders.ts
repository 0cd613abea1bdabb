import type { Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { Mismatch } from '../mismatch.ts';
import { type SqlDialect, storageOf } from './dialect.ts';

/** Makes a row as it is stored into one with the values of its fields. */
export type Decoder = (row: Row) => Row;

/** The decoder of each entity, made once; that of some fields only, each time. */
export function decodersOf(dialect: SqlDialect): (entity: EntityModel, names?: readonly string[]) => Decoder {
  const decoders = new WeakMap<EntityModel, Decoder>();
  return (entity, names) => {
    if (names !== undefined) return decoderOf(entity, dialect, names);
    let decoder = decoders.get(entity);
    if (decoder === undefined) {
      decoder = decoderOf(entity, dialect);
      decoders.set(entity, decoder);
    }
    return decoder;
  };
}

/** Decodes a row in place: it was made for us, and its members are already those of the entity, in order. */
function decoderOf(entity: EntityModel, dialect: SqlDialect, names?: readonly string[]): Decoder {
  const all = [...entity.fields.values()];
  const fields = (names === undefined ? all : all.filter(({ name }) => names.includes(name))).map((field) => ({
    name: field.name,
    type: field.as ?? field.type,
    nullable: field.nullable,
    decode: storageOf(dialect, field).codec.decode,
  }));
  return (row) => {
    for (const { name, type, nullable, decode } of fields) {
      const stored = row[name];
      if (stored === null) {
        if (!nullable) throw misfit(entity, name, 'is null, but the field is not nullable');
        continue;
      }
      try {
        row[name] = decode(stored);
      } catch (error) {
        // Without a cause: parsers quote what they could not read.
        throw misfit(entity, name, error instanceof Mismatch ? error.message : `is no ${type}`);
      }
    }
    return row;
  };
}

function misfit(entity: EntityModel, field: string, why: string): Error {
  return databaseErrors.bad_data(`${entity.name}: a stored value of "${field}" ${why}.`, {
    details: { entity: entity.name, fields: [field] },
  });
}
