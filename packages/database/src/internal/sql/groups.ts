import type { DriverAggregate, Row } from '../../driver.ts';
import type { EntityField, EntityModel } from '../../entity.ts';
import { type SqlDialect, storageOf } from './dialect.ts';

/** Makes a group as the database answers it into what the contract asks for. */
export function groupsOf(dialect: SqlDialect, entity: EntityModel, { by, values }: DriverAggregate): (row: Row) => Row {
  const decoderOf = (name: string): ((stored: unknown) => unknown) => {
    const { decode } = storageOf(dialect, entity.fields.get(name) as EntityField).codec;
    return (stored) => (stored === null ? null : decode(stored));
  };
  const decoders = [
    ...by.map((name) => [name, decoderOf(name)] as const),
    ...values.map(({ name, op, field }) => {
      if (op === 'count' || field === undefined) return [name, Number] as const;
      return [name, op === 'sum' ? sumOf((entity.fields.get(field) as EntityField).type) : decoderOf(field)] as const;
    }),
  ];
  return (row) => {
    for (const [name, decode] of decoders) row[name] = decode(row[name]);
    return row;
  };
}

/** A sum as it is, which may be beyond its field: whole numbers as bigint, decimals as text in their shortest form. */
function sumOf(type: EntityField['type']): (stored: unknown) => unknown {
  return (answered) => {
    const sum = answered as string | number | bigint | null;
    if (sum === null) return null;
    if (type === 'double') return Number(sum);
    const text = String(sum);
    const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
    return type === 'decimal' ? short : BigInt(short);
  };
}
