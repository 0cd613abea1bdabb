import { type MakeError, isCode, makerOf } from './internal/codes.ts';
import { asCode, asIssues, asRetryAfterMs, asRetryable, asStatus, asText, membersOf } from './internal/members.ts';
import { bounded, itemsOf, plainRecord, read, textOf } from './internal/safe.ts';
import type { EntErrorOptions, WireCause, WireError } from './options.ts';

const MAX_CAUSES = 8;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function wireOf(error: object): WireError {
  const members = membersOf(error);
  const retryAfterMs = asRetryAfterMs(members.retryAfterMs);
  const issues = asIssues(members.issues);
  const details = plainRecord(members.details);
  const causes = causesOf(error);
  return {
    v: 1,
    code: asCode(members.code),
    status: asStatus(members.status),
    message: asText(members.message),
    id: asText(read(error, 'id')),
    retryable: asRetryable(members.retryable),
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
      name: isObject ? asText(read(cause, 'name'), 'Object') : typeof cause,
      message: isObject ? asText(read(cause, 'message')) : textOf(cause),
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
  const members = membersOf(value);
  const id = read(value, 'id');
  const make = makerOf(members.code);
  const details = plainRecord(members.details);
  return {
    make,
    message: asText(members.message, 'A peer reported an error that could not be read.'),
    options: {
      cause: readCauses(read(value, 'causes')),
      issues: asIssues(members.issues),
      details: make === undefined && isCode(members.code) ? { ...details, remoteCode: members.code } : details,
      retryAfterMs: asRetryAfterMs(members.retryAfterMs),
    },
    id: typeof id === 'string' && UUID.test(id) ? id : undefined,
  };
}

function readCauses(list: unknown): Error | undefined {
  let outer: Error | undefined;
  for (const item of itemsOf(list, MAX_CAUSES).reverse()) {
    const error = new Error(asText(read(item, 'message')), outer === undefined ? undefined : { cause: outer });
    const code = read(item, 'code');
    // Where it was made here says nothing about where it went wrong there.
    Object.defineProperties(error, {
      name: { value: asText(read(item, 'name'), 'Error') },
      stack: { value: undefined },
      ...(typeof code === 'string' ? { code: { value: bounded(code, 100), enumerable: true } } : {}),
    });
    outer = error;
  }
  return outer;
}
