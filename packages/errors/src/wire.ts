import { type MakeError, isCode, makerOf } from './internal/codes.ts';
import { asCode, asIssues, asRetryAfterMs, asRetryable, asStatus, asText, membersOf } from './internal/members.ts';
import { causeOf, messageOf, partsOf } from './internal/nested.ts';
import { bounded, itemsOf, plainRecord, read } from './internal/safe.ts';
import type { EntErrorOptions, WireCause, WireError } from './options.ts';

const MAX_CAUSES = 8;
const MAX_PARTS = 8;
const MAX_FORMS = 50;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function wireOf(error: object): WireError {
  const members = membersOf(error);
  const retryAfterMs = asRetryAfterMs(members.retryAfterMs);
  const issues = asIssues(members.issues);
  const details = plainRecord(members.details);
  const causes = causesOf(error, { seen: new Set<unknown>([error]), left: MAX_FORMS });
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

/** What one error may still put on the wire, and what is there already. */
interface Walk {
  readonly seen: Set<unknown>;
  left: number;
}

/** The chain of causes, nearest first. */
function causesOf(error: unknown, walk: Walk): WireCause[] {
  const causes: WireCause[] = [];
  for (let cause = causeOf(error); cause !== undefined && causes.length < MAX_CAUSES; cause = causeOf(cause)) {
    if (walk.seen.has(cause) || walk.left <= 0) break;
    causes.push(causeForm(cause, walk));
  }
  return causes;
}

function causeForm(value: unknown, walk: Walk): WireCause {
  walk.seen.add(value);
  walk.left--;
  const isObject = typeof value === 'object' && value !== null;
  const code = isObject ? read(value, 'code') : undefined;
  const errors = partsOf(value)
    .parts.filter((part) => !walk.seen.has(part) && walk.left > 0)
    .map((part) => {
      const form = causeForm(part, walk);
      const causes = causesOf(part, walk);
      return causes.length === 0 ? form : { ...form, causes };
    });
  return {
    name: isObject ? asText(read(value, 'name'), 'Object') : typeof value,
    message: bounded(messageOf(value)),
    ...(typeof code === 'string' ? { code: bounded(code, 100) } : {}),
    ...(errors.length === 0 ? {} : { errors }),
  };
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

function readCauses(list: unknown, budget = { left: MAX_FORMS }): Error | undefined {
  let outer: Error | undefined;
  for (const item of itemsOf(list, MAX_CAUSES).reverse()) {
    if (budget.left-- <= 0) break;
    outer = readCause(item, outer, budget);
  }
  return outer;
}

function readCause(item: unknown, cause: Error | undefined, budget: { left: number }): Error {
  const message = asText(read(item, 'message'));
  const options = cause === undefined ? undefined : { cause };
  const parts = itemsOf(read(item, 'errors'), budget.left > 0 ? MAX_PARTS : 0);
  const errors = parts.map((part) => {
    budget.left--;
    return readCause(part, readCauses(read(part, 'causes'), budget), budget);
  });
  const error = errors.length === 0 ? new Error(message, options) : new AggregateError(errors, message, options);
  const code = read(item, 'code');
  // Where it was made here says nothing about where it went wrong there.
  Object.defineProperties(error, {
    name: { value: asText(read(item, 'name'), 'Error') },
    stack: { value: undefined },
    ...(typeof code === 'string' ? { code: { value: bounded(code, 100), enumerable: true } } : {}),
  });
  return error;
}
