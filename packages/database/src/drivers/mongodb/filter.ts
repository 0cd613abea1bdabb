import type { Document } from 'mongodb';
import type { Condition, Order } from '../../driver.ts';
import type { EntityModel } from '../../entity.ts';
import { databaseErrors } from '../../errors.ts';
import { type Codecs, fieldOf, keyOf } from './codec.ts';
import { foldedPattern, literalPattern } from './patterns.ts';

/** No document is in an empty list. */
const NOTHING: Document = { _id: { $in: [] } };
const NOT_A_LIST = { $exists: false };
/** As the server counts; PCRE2 takes no more. */
const MAX_PATTERN_BYTES = 32_764;

/** A condition as a filter of MongoDB. */
export function filterOf(codecs: Codecs, entity: EntityModel, condition: Condition): Document {
  switch (condition.op) {
    case 'all':
      return {};
    case 'none':
      return NOTHING;
    case 'and':
    case 'or':
      return { [`$${condition.op}`]: condition.nodes.map((node) => filterOf(codecs, entity, node)) };
    case 'not':
      return { $nor: [filterOf(codecs, entity, condition.node)] };
    case 'null':
      return nullOf(entity, condition.field);
    default:
      return { [keyOf(entity, condition.field)]: leafOf(codecs, entity, condition) };
  }
}

/** A field that is missing is null too. A list with a null in it would match as well; only json fields hold lists. */
function nullOf(entity: EntityModel, field: string): Document {
  const key = keyOf(entity, field);
  return fieldOf(entity, field).type === 'json' ? { [key]: null, [`${key}.0`]: NOT_A_LIST } : { [key]: null };
}

type Leaf = Exclude<Extract<Condition, { field: string }>, { op: 'null' }>;

function leafOf(codecs: Codecs, entity: EntityModel, condition: Leaf): unknown {
  const field = fieldOf(entity, condition.field);
  const folded = 'ignoreCase' in condition && condition.ignoreCase;
  const pattern = (text: string, before: string, after: string): Document =>
    matching(`${before}${folded ? foldedPattern(text) : literalPattern(text)}${after}`);
  switch (condition.op) {
    case 'in':
      if (folded) {
        const parts = condition.values.map((value) => foldedPattern(value as string));
        return matching(`^(?:${parts.join('|')})\\z`);
      }
      return { $in: condition.values.map((value) => codecs.encode(field, value)) };
    case 'eq':
      // Not the value alone, which could be taken for operators.
      return folded ? pattern(condition.value as string, '^', '\\z') : { $eq: codecs.encode(field, condition.value) };
    case 'startsWith':
      return pattern(condition.value, '^', '');
    case 'endsWith':
      // "$" would match before a line feed at the end.
      return pattern(condition.value, '', '\\z');
    case 'contains':
      return pattern(condition.value, '', '');
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      // Values of other types, and null, are neither smaller nor greater.
      return { [`$${condition.op}`]: codecs.encode(field, condition.value) };
  }
}

/** Text and not a RegExp, whose syntax is JavaScript's. */
function matching(pattern: string): Document {
  if (Buffer.byteLength(pattern) <= MAX_PATTERN_BYTES) return { $regex: pattern };
  throw databaseErrors.invalid_query('MongoDB looks for no text that is this long inside of others (32 kB).');
}

/** Null is smallest, and text goes by code point, as long as the collection has no collation of its own. */
export function sortOf(entity: EntityModel, order: Order): Record<string, 1 | -1> {
  return Object.fromEntries(order.map(({ field, descending }) => [keyOf(entity, field), descending ? -1 : 1]));
}

/** The id that a condition fixes: then at most one document is meant. */
export function fixesId({ id }: EntityModel, where: Condition): boolean {
  const nodes = where.op === 'and' ? where.nodes : [where];
  return id.every((name) => nodes.some((node) => node.op === 'eq' && node.field === name && !node.ignoreCase));
}
