import { Decimal128, type Document } from 'mongodb';
import type { Change } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import type { FieldType } from '../../field.ts';
import { type Codecs, fieldOf, keyOf } from './codec.ts';

const INT64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };

/** A change as update operators. */
export function updateOf(codecs: Codecs, entity: EntityModel, { set, add }: Change): Document {
  const encode = (values: Readonly<Record<string, unknown>>): Document =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [keyOf(entity, name), codecs.encode(fieldOf(entity, name), value)]),
    );
  return {
    ...(Object.keys(set).length > 0 && { $set: encode(set) }),
    ...(Object.keys(add).length > 0 && { $inc: encode(add) }),
  };
}

/**
 * A filter for documents to which a change can add without a loss. The server makes Infinity of doubles and rounds
 * decimals, and an integer of ours ends at 2^53.
 */
export function fittingOf(codecs: Codecs, entity: EntityModel, { add }: Change): readonly Document[] {
  return Object.entries(add).flatMap(([name, value]) => {
    // It begins at 1 and takes one step at a time.
    if (name === entity.version) return [];
    const field = fieldOf(entity, name);
    const { type } = field;
    if (type === 'decimal') return [exactSum(`$${keyOf(entity, name)}`, Decimal128.fromString(value as string))];
    const limit = limitOf(type, value as number | bigint);
    return limit === undefined ? [] : [{ [keyOf(entity, name)]: { [limit.op]: codecs.encode(field, limit.value) } }];
  });
}

function limitOf(type: FieldType, value: number | bigint): { op: '$lte' | '$gte'; value: unknown } | undefined {
  if (type === 'bigint') {
    const amount = BigInt(value);
    if (amount > 0n) return { op: '$lte', value: INT64.most - amount };
    return amount < 0n ? { op: '$gte', value: INT64.least - amount } : undefined;
  }
  const amount = Number(value);
  const most = type === 'int' ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE;
  if (amount > 0) return { op: '$lte', value: most - amount };
  return amount < 0 ? { op: '$gte', value: -most - amount } : undefined;
}

/** Of a sum that was rounded, one of its parts is not the sum without the other. */
function exactSum(field: string, amount: Decimal128): Document {
  const sum = { $add: [field, amount] };
  return {
    $expr: {
      $and: [{ $eq: [{ $subtract: [sum, field] }, amount] }, { $eq: [{ $subtract: [sum, amount] }, field] }],
    },
  };
}
