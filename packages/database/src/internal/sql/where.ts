import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Condition } from '../../driver.ts';
import type { EntityField, EntityModel } from '../../entity.ts';
import { type Bind, type SqlDialect, storageOf, type Term, textOf } from './dialect.ts';

/** A place for a value in a compiled statement: which of the values given at run time, and what to make of it. */
export class Slot {
  readonly index: number;
  readonly encode: (value: unknown) => unknown;

  constructor(index: number, encode: (value: unknown) => unknown) {
    this.index = index;
    this.encode = encode;
  }
}

/** Hands out slots in the order in which {@link shapeOf} and its like collect values. */
export class Slots {
  #next = 0;

  /** The next value, bound as often as its user likes. */
  next(encode: (value: unknown) => unknown): Bind {
    const index = this.#next;
    this.#next += 1;
    return (derive = (value) => value) => sql.val(new Slot(index, (value) => encode(derive(value))));
  }
}

/** What makes two conditions the same statement: everything but the values, which it collects. */
export function shapeOf(condition: Condition, values: unknown[]): string {
  switch (condition.op) {
    case 'all':
    case 'none':
      return condition.op;
    case 'and':
    case 'or':
      return `${condition.op}(${condition.nodes.map((node) => shapeOf(node, values)).join()})`;
    case 'not':
      return `not(${shapeOf(condition.node, values)})`;
    case 'null':
      return `null ${condition.field}`;
    case 'in':
      values.push(condition.values);
      return `in${condition.ignoreCase ? '~' : ''} ${condition.field} ${condition.values.length}`;
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      values.push(condition.value);
      return `${condition.op} ${condition.field}`;
    default:
      values.push(condition.value);
      return `${condition.op}${condition.ignoreCase ? '~' : ''} ${condition.field}`;
  }
}

const COMPARISON = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=` };

/** The SQL of a condition; takes its slots in the order in which {@link shapeOf} collects the values. */
export function whereOf(
  dialect: SqlDialect,
  entity: EntityModel,
  condition: Condition,
  slots: Slots,
): Expression<SqlBool> {
  const recur = (node: Condition): Expression<SqlBool> => whereOf(dialect, entity, node, slots);
  switch (condition.op) {
    case 'all':
      return sql<SqlBool>`1 = 1`;
    case 'none':
      return sql<SqlBool>`1 = 0`;
    case 'and':
      return joined(condition.nodes.map(recur), sql` and `);
    case 'or':
      return joined(condition.nodes.map(recur), sql` or `);
    case 'not':
      // SQL's NOT keeps "unknown"; IS NOT TRUE makes it true, as the contract has it.
      if (condition.node.op === 'null') return sql<SqlBool>`${columnOf(entity, condition.node.field)} is not null`;
      return sql<SqlBool>`(${recur(condition.node)}) is not true`;
    case 'null':
      return sql<SqlBool>`${columnOf(entity, condition.field)} is null`;
    default:
      return leafOf(dialect, entity, condition, slots);
  }
}

function columnOf(entity: EntityModel, field: string): Term {
  return sql.ref((entity.fields.get(field) as EntityField).column);
}

const CHAIN = 16;

/**
 * `(a or b or c)`; many of them as a balanced tree. A chain is as deep as it is long, and databases limit the depth
 * (SQLite at 1,000) or recurse into it.
 */
function joined(parts: readonly Expression<SqlBool>[], word: RawBuilder<unknown>): Expression<SqlBool> {
  let level = parts;
  while (level.length > CHAIN) {
    const above: Expression<SqlBool>[] = [];
    for (let start = 0; start < level.length; start += CHAIN) {
      above.push(sql<SqlBool>`(${sql.join(level.slice(start, start + CHAIN), word)})`);
    }
    level = above;
  }
  return sql<SqlBool>`(${sql.join(level, word)})`;
}

function leafOf(
  dialect: SqlDialect,
  entity: EntityModel,
  condition: Exclude<Extract<Condition, { field: string }>, { op: 'null' }>,
  slots: Slots,
): Expression<SqlBool> {
  const field = entity.fields.get(condition.field) as EntityField;
  const { codec } = storageOf(dialect, field);
  const isEquality = condition.op === 'eq' || condition.op === 'in';
  const folded = 'ignoreCase' in condition && condition.ignoreCase;
  const column = isEquality && !folded ? sql.ref(field.column) : textOf(dialect, field);
  const fold = (term: Term): Term => (folded ? dialect.fold(term) : term);
  const operand = (value: Term): Term => dialect.operand?.(value, field.type) ?? value;
  if (condition.op === 'in') {
    const bind = slots.next((value) => codec.encode(value));
    const list = condition.values.map((_, index) =>
      fold(operand(bind((values) => (values as readonly unknown[])[index]))),
    );
    return sql<SqlBool>`${fold(column)} in (${sql.join(list)})`;
  }
  const bind = slots.next((value) => codec.encode(value));
  switch (condition.op) {
    case 'eq':
      return sql<SqlBool>`${fold(column)} = ${fold(operand(bind()))}`;
    case 'startsWith':
      return dialect.startsWith(fold(column), (derive) => fold(bind(derive)), folded);
    case 'endsWith':
      return dialect.endsWith(fold(column), fold(bind()));
    case 'contains':
      return dialect.contains(fold(column), fold(bind()));
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return sql<SqlBool>`${column} ${COMPARISON[condition.op]} ${operand(bind())}`;
  }
}
