import type { Awaitable, DriverCall, DriverRows } from '../driver.ts';
import type { EntityModel } from '../entity.ts';
import type { ReadOptions } from '../query.ts';

/** What is being done, for messages and telemetry. */
export interface Attempted {
  readonly operation: string;
  readonly entity?: string | undefined;
  /** What tells the fields of columns. */
  readonly model?: EntityModel | undefined;
}

/** What a call does, and what it needs. */
export interface Operation extends Attempted {
  readonly use: 'read' | 'write';
  /** What it reads or answers is gone then: it is not run again. */
  readonly once?: true | undefined;
  /** No replica may answer, however fresh it is. */
  readonly latest?: true | undefined;
}

/** The part of a call that the driver does. */
export type Work<R> = (session: unknown, call: DriverCall) => Awaitable<R>;

/**
 * How a repository asks its driver about the rows of its entity: those of the tenant around the call, if they are the
 * rows of tenants.
 */
export type Ask = <R>(
  operation: string,
  use: Operation['use'],
  options: ReadOptions | undefined,
  work: (driver: DriverRows<unknown>, entity: EntityModel, ...rest: Parameters<Work<R>>) => ReturnType<Work<R>>,
) => Awaitable<R>;

/** `users.find`, or `ping`. */
export function nameOf({ operation, entity }: Attempted): string {
  return entity === undefined ? operation : `${entity}.${operation}`;
}
