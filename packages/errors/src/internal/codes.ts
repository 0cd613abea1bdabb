import type { EntErrorOptions, ErrorShape } from '../options.ts';

export type MakeError = (message: string, options?: EntErrorOptions) => ErrorShape;

const makers = new Map<string, MakeError>();
const CODE = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*$/;

const MAX_CODE = 100;

export function isCode(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  return makers.has(value) || (value.length <= MAX_CODE && CODE.test(value));
}

/** Remembers how to make an error of this code. */
export function claimCode(code: string, make: MakeError): void {
  makers.set(code, make);
}

export function makerOf(code: unknown): MakeError | undefined {
  return typeof code === 'string' ? makers.get(code) : undefined;
}

export function isStatus(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 599;
}
