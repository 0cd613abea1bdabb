import type { DriverCall } from '../../driver.ts';

/** The method of the Redis driver by which the extras of Redis send their commands. */
export const NATIVE: unique symbol = Symbol('native');

/** A driver that has it. */
export interface Native<Client> {
  [NATIVE]<T>(call: DriverCall, key: string | undefined, work: (client: Client) => Promise<T>): Promise<T>;
}
