import { kindOf } from '@ent/internal';
import { mcpErrors } from '../errors.ts';

/** Refuses what is not made by `createMcp`. Not typed by it: this file stands below. */
export function demandMcp(mcp: unknown, who: string): void {
  if (typeof (mcp as { server?: unknown } | null | undefined)?.server === 'function') return;
  throw mcpErrors.invalid_options(`${who}: give it what createMcp() gives; got ${kindOf(mcp)}.`);
}

/** Refuses an object without a method. */
export function demandMethod(port: unknown, method: string, what: string): void {
  const found = (Object(port) as Readonly<Record<string, unknown>>)[method];
  if (typeof found === 'function') return;
  throw mcpErrors.invalid_options(`${what} must have a method ${method}(); got ${kindOf(port)}.`);
}
