import type { CompiledQuery } from 'kysely';
import type { EntityModel } from '../../entity.ts';
import type { SqlStatement } from './types.ts';
import { type Slot, Slots } from './where.ts';

/** A statement ready to run. */
export interface Ready {
  readonly statement: SqlStatement;
  readonly parameters: readonly unknown[];
}

interface Plan {
  readonly statement: SqlStatement;
  readonly slots: readonly Slot[];
}

/** What a statement answers: rows of its entity, one at most, other rows, with sums, or how many it matched. */
export type Answer = 'entity' | 'one entity' | 'rows' | 'sums' | 'matched';

// Shapes are few in any program; a filter built from hostile input must not fill the memory.
const MAX_PLANS = 500;
const MAX_SLOTS = 500;

/** Makes the statement of a shape. Every value that it binds is a slot. */
type Compile = (slots: Slots) => CompiledQuery;

/** The statements of each entity by their shape (the operation, its fields and operators), each compiled once. */
export class PlanCache {
  readonly #plans = new WeakMap<EntityModel, Map<string, Plan>>();

  /** @param values those of the shape, in the order of its slots' numbers */
  ready(entity: EntityModel, shape: string, answer: Answer, values: readonly unknown[], compile: Compile): Ready {
    const { statement, slots } = this.known(entity, shape, answer, compile);
    return { statement, parameters: slots.map(({ index, encode }) => encode(values[index])) };
  }

  /** @param isKept however many values it binds */
  known(entity: EntityModel, shape: string, answer: Answer, compile: Compile, isKept = false): Plan {
    const known = this.#plans.get(entity)?.get(shape);
    return known ?? this.#plan(entity, shape, answer, compile(new Slots()), isKept);
  }

  #plan(entity: EntityModel, shape: string, answer: Answer, compiled: CompiledQuery, isKept: boolean): Plan {
    let plans = this.#plans.get(entity);
    if (plans === undefined) {
      plans = new Map();
      this.#plans.set(entity, plans);
    }
    // Every parameter is a slot: no value ever gets into a compiled statement.
    const slots = compiled.parameters as readonly Slot[];
    const statement: SqlStatement = {
      sql: compiled.sql,
      kind: 'rows',
      entity: answer === 'entity' || answer === 'one entity' ? entity : undefined,
      single: answer === 'one entity',
      exact: answer === 'sums',
      returnsRows: answer !== 'matched',
      recurs: isKept || slots.length <= MAX_SLOTS,
    };
    const plan: Plan = { statement, slots };
    if (!statement.recurs) return plan;
    const [oldest] = plans.keys();
    if (plans.size >= MAX_PLANS && oldest !== undefined) plans.delete(oldest);
    plans.set(shape, plan);
    return plan;
  }
}
