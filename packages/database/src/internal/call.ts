import { Call, type Deadlines, durationOption } from '@ent/internal';
import type { DriverCall } from '../driver.ts';
import { databaseErrors } from '../errors.ts';
import type { CallOptions } from '../options.ts';
import type { Lease } from './lease.ts';
import { type Attempted, nameOf } from './operation.ts';

/** The time that one call or transaction may take, and who hears of its statements. */
export class DatabaseCall extends Call implements DriverCall {
  onStatement: ((statement: string) => void) | undefined;
  asOf: number | undefined;
  scripts: boolean | undefined;
  /** The connection that it has, where somebody wants to know. */
  lease: Lease | undefined;
  /** Whether its last try was on a replica. */
  isOnReplica = false;
}

/**
 * Begins a call.
 *
 * @param defaultMs where the options say nothing; `Infinity` for as long as the call around it
 * @param around the transaction that it is in, which ends it too
 * @param deadlines of calls that all get `defaultMs`
 */
export function beginCall(
  options: CallOptions | undefined,
  defaultMs: number,
  attempted: Attempted,
  around?: DatabaseCall,
  deadlines?: Deadlines,
): DatabaseCall {
  const timeout = options?.timeout;
  const ms = timeout === undefined ? defaultMs : durationOption(timeout, 'timeout', databaseErrors.invalid_query);
  const late = ({ waitingFor }: Call): Error =>
    databaseErrors.timeout(
      `${nameOf(attempted)} took longer than ${ms} ms${waitingFor === undefined ? '' : `, waiting for ${waitingFor}`}.`,
    );
  return new DatabaseCall(ms, late, options?.signal, around, deadlines);
}
