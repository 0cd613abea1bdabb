import type { Row } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { Mismatch } from '../mismatch.ts';
import { compiled, membersOf } from '../compiled.ts';
import { type SqlDialect, storageOf } from './dialect.ts';

/** Makes a row as it is stored into one with the values of its fields. */
export type Decoder = (row: Row) => Row;

/** Those of some fields only, of an entity: an application has few, unless it makes them of what it is asked. */
const MAX_SELECTED = 50;

/** The decoder of each entity, made once, and those of some fields of it. */
export function decodersOf(dialect: SqlDialect): (entity: EntityModel, names?: readonly string[]) => Decoder {
  const decoders = new WeakMap<EntityModel, Decoder>();
  const selected = new WeakMap<EntityModel, Map<string, Decoder>>();
  const ofSome = (entity: EntityModel, names: readonly string[]): Decoder => {
    let known = selected.get(entity);
    if (known === undefined) {
      known = new Map<string, Decoder>();
      selected.set(entity, known);
    }
    const key = names.join('\0');
    let decoder = known.get(key);
    if (decoder === undefined) {
      if (known.size >= MAX_SELECTED) known.clear();
      decoder = loopOver(entity, fieldsOf(entity, dialect, names));
      known.set(key, decoder);
    }
    return decoder;
  };
  return (entity, names) => {
    if (names !== undefined) return ofSome(entity, names);
    let decoder = decoders.get(entity);
    if (decoder === undefined) {
      const fields = fieldsOf(entity, dialect);
      decoder = compiledOver(entity, fields) ?? loopOver(entity, fields);
      decoders.set(entity, decoder);
    }
    return decoder;
  };
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly decode: (stored: unknown) => unknown;
}

function fieldsOf(entity: EntityModel, dialect: SqlDialect, names?: readonly string[]): readonly Field[] {
  const all = [...entity.fields.values()];
  return (names === undefined ? all : all.filter(({ name }) => names.includes(name))).map((field) => ({
    name: field.name,
    type: field.as ?? field.type,
    nullable: field.nullable,
    decode: storageOf(dialect, field).codec.decode,
  }));
}

/** Decodes a row in place: it was made for us, and its members are already those of the entity, in order. */
function loopOver(entity: EntityModel, fields: readonly Field[]): Decoder {
  return (row) => {
    for (const field of fields) {
      const stored = row[field.name];
      if (stored === null && field.nullable) continue;
      try {
        row[field.name] = stored === null ? refuseNull() : field.decode(stored);
      } catch (error) {
        throw misfit(entity, field, error);
      }
    }
    return row;
  };
}

/** The same as one function of these fields. */
function compiledOver(entity: EntityModel, fields: readonly Field[]): Decoder | undefined {
  const members = membersOf(fields.map(({ name }) => name));
  const steps = members?.map((name, index) => {
    const { nullable } = fields[index] as Field;
    const decoded = `row[${name}] = ${nullable ? '' : 'stored === null ? refuseNull() : '}decode${index}(stored);`;
    return `at = ${index}; stored = row[${name}]; ${nullable ? `if (stored !== null) ${decoded}` : decoded}`;
  });
  const source = `
    const [refuseNull, fail, ${fields.map((_field, index) => `decode${index}`).join()}] = c0;
    return (row) => {
      let at = 0, stored;
      try { ${steps?.join('\n')} } catch (error) { throw fail(at, error); }
      return row;
    };`;
  const fail = (at: number, error: unknown): Error => misfit(entity, fields[at] as Field, error);
  return steps && compiled<Decoder>(source, [[refuseNull, fail, ...fields.map(({ decode }) => decode)]]);
}

function refuseNull(): never {
  throw new Mismatch('required', 'is null, but the field is not nullable');
}

function misfit(entity: EntityModel, { name, type }: Field, error: unknown): Error {
  // Without a cause: parsers quote what they could not read.
  const why = error instanceof Mismatch ? error.message : `is no ${type}`;
  return databaseErrors.bad_data(`${entity.name}: a stored value of "${name}" ${why}.`, {
    details: { entity: entity.name, fields: [name] },
  });
}
