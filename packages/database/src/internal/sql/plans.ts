import type { SqlDialect } from './dialect.ts';
import { PlanCache } from './plan-cache.ts';
import { ReadPlans } from './read-plans.ts';
import { WritePlans } from './write-plans.ts';

/**
 * The statements of the repository operations. Kysely compiles each shape (the operation, its fields and operators)
 * once; after that a call only collects its values.
 */
export interface Plans {
  readonly reads: ReadPlans;
  readonly writes: WritePlans;
}

export function plansOf(dialect: SqlDialect): Plans {
  const cache = new PlanCache();
  return { reads: new ReadPlans(dialect, cache), writes: new WritePlans(dialect, cache) };
}
