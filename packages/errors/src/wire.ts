import { type MakeError, isCode, makerOf } from './internal/codes.ts';
import { codeOf, issuesOf, retryAfterMsOf, retryableOf, statusOf, stringOf } from './internal/members.ts';
import { bounded, itemsOf, plainRecord, read, textOf } from './internal/safe.ts';
import type { EntErrorOptions, WireCause, WireError } from './options.ts';

const MAX_CAUSES = 8;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function wireOf(error: object): WireError {
  const retryAfterMs = retryAfterMsOf(error);
  const issues = issuesOf(error);
  const details = plainRecord(read(error, 'details'));
  const causes = causesOf(error);
  return {
    v: 1,
    code: codeOf(error),
    status: statusOf(error),
    message: stringOf(error, 'message'),
    id: stringOf(error, 'id'),
    retryable: retryableOf(error),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(issues === undefined ? {} : { issues }),
    ...(details === undefined ? {} : { details }),
    ...(causes.length === 0 ? {} : { causes }),
  };
}

function causesOf(error: object): WireCause[] {
  const causes: WireCause[] = [];
  const seen = new Set<unknown>([error]);
  for (
    let cause = read(error, 'cause');
    cause !== undefined && causes.length < MAX_CAUSES;
    cause = read(cause, 'cause')
  ) {
    if (seen.has(cause)) break;
    seen.add(cause);
    const isObject = typeof cause === 'object' && cause !== null;
    const code = isObject ? read(cause, 'code') : undefined;
    causes.push({
      name: isObject ? stringOf(cause, 'name', 'Object') : typeof cause,
      message: isObject ? stringOf(cause, 'message') : textOf(cause),
      ...(typeof code === 'string' ? { code: bounded(code, 100) } : {}),
    });
    if (!isObject) break;
  }
  return causes;
}

interface Reading {
  readonly make: MakeError | undefined;
  readonly message: string;
  readonly options: EntErrorOptions;
  readonly id: string | undefined;
}

/** Takes from a peer's JSON only what has the right type, and never what decides about exposure, status or class. */
export function readWire(value: unknown): Reading {
  const code = read(value, 'code');
  const make = makerOf(code);
  const id = read(value, 'id');
  const details = plainRecord(read(value, 'details'));
  return {
    make,
    message: stringOf(value, 'message', 'A peer reported an error that could not be read.'),
    options: {
      cause: readCauses(read(value, 'causes')),
      issues: issuesOf(value),
      details: make === undefined && isCode(code) ? { ...details, remoteCode: code } : details,
      retryAfterMs: retryAfterMsOf(value),
    },
    id: typeof id === 'string' && UUID.test(id) ? id : undefined,
  };
}

function readCauses(list: unknown): Error | undefined {
  let outer: Error | undefined;
  for (const item of itemsOf(list, MAX_CAUSES).reverse()) {
    const error = new Error(stringOf(item, 'message'), outer === undefined ? undefined : { cause: outer });
    const code = read(item, 'code');
    // Where it was made here says nothing about where it went wrong there.
    Object.defineProperties(error, {
      name: { value: stringOf(item, 'name', 'Error') },
      stack: { value: undefined },
      ...(typeof code === 'string' ? { code: { value: bounded(code, 100), enumerable: true } } : {}),
    });
    outer = error;
  }
  return outer;
}
