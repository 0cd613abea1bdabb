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

const BY_STATUS: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  412: 'precondition_failed',
  422: 'validation',
  429: 'rate_limited',
};

/** The code of the class that stands for a status where nothing more is known. */
export function codeOfStatus(status: number): string {
  return BY_STATUS[status] ?? (status < 500 ? 'bad_request' : 'internal');
}
