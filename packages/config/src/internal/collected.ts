import type { Leaf } from './schema.ts';

/** Where a value came from: a name for the report, made only when there is one to write. */
export type Origin = (variable: string) => string;

/** What the sources say: at the index of each leaf its value, and where it came from. */
export interface Collected {
  readonly values: unknown[];
  readonly origins: (Origin | undefined)[];
}

/** Variables from one place, unparsed. */
export interface Layer {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly origin: Origin;
  /** Whether it is the environment, where platforms put variables of their own. */
  readonly isEnvironment: boolean;
}

export type SetValue = (leaf: Leaf, value: string, origin: Origin) => void;
