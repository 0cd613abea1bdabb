// Reading what somebody threw. Anything can be thrown: proxies, getters that throw, cycles, megabytes. Nothing here
// throws, and everything that comes out is bounded.

/** Characters of one text in a serial form. */
export const MAX_TEXT = 8192;
/**
 * Characters of a message that an error keeps: the report of a whole configuration fits, somebody's payload does not.
 */
export const MAX_MESSAGE = 65_536;
const MAX_DEPTH = 6;
const MAX_NODES = 1000;
const MAX_TOTAL = 65_536;

export function read(target: unknown, key: PropertyKey): unknown {
  try {
    return (target as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** The elements of an array, at most `max`; none for anything that is no array or cannot be read. */
export function itemsOf(value: unknown, max: number): unknown[] {
  try {
    if (!Array.isArray(value)) return []; // throws for a revoked proxy
    const length = Math.min(value.length, max);
    return Array.from({ length }, (_, i) => read(value, i));
  } catch {
    return [];
  }
}

/** Cuts a text to `max` characters and says how long it was. */
export function bounded(text: string, max: number = MAX_TEXT): string {
  if (text.length <= max) return text;
  // A slice would keep the whole original alive; the round trip through bytes makes a text of its own, without the half
  // of a surrogate pair that the cut can leave.
  const head = new TextDecoder('utf-8', { ignoreBOM: true }).decode(new TextEncoder().encode(text.slice(0, max)));
  return `${head}... (${text.length} characters)`;
}

/** A text for any value; never its contents where it is an object. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return bounded(value);
  try {
    if (typeof value === 'function') return '[function]';
    if (typeof value !== 'object' || value === null) return bounded(String(value));
    return '[object]';
  } catch {
    return '[unreadable]';
  }
}

interface Budget {
  nodes: number;
  chars: number;
  readonly path: Set<object>;
}

/**
 * A copy of any value as plain JSON data: cycles cut, getters that throw named, depth, nodes and characters bounded.
 * `toJSON` is honoured, so that a secret prints as it wants to.
 */
export function plain(value: unknown): unknown {
  return copy(value, 0, { nodes: MAX_NODES, chars: MAX_TOTAL, path: new Set() });
}

/** {@link plain} for a record; `undefined` for anything else. */
export function plainRecord(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const result = plain(value);
  return typeof result === 'object' && result !== null && !Array.isArray(result)
    ? (result as Record<string, unknown>)
    : undefined;
}

function copy(value: unknown, depth: number, budget: Budget): unknown {
  if (--budget.nodes < 0 || budget.chars <= 0) return '[truncated]';
  switch (typeof value) {
    case 'string': {
      const text = bounded(value, Math.min(MAX_TEXT, budget.chars));
      budget.chars -= text.length;
      return text;
    }
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      return bounded(String(value), 64);
    case 'object':
      return value === null ? null : copyObject(value, depth, budget);
    default:
      return undefined;
  }
}

function copyObject(value: object, depth: number, budget: Budget): unknown {
  if (budget.path.has(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return '[truncated]';
  budget.path.add(value);
  try {
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    const toJSON = (value as { toJSON?: unknown }).toJSON;
    if (typeof toJSON === 'function') return copy(toJSON.call(value, ''), depth + 1, budget);
    if (value instanceof Error) return { name: textOf(value.name), message: textOf(value.message) };
    if (Array.isArray(value)) return copyArray(value as unknown[], depth, budget);
    if (value instanceof Map)
      return copyRecord(Object.fromEntries(first(value as Map<PropertyKey, unknown>)) as object, depth, budget);
    if (value instanceof Set) return copyArray(first(value), depth, budget);
    return copyRecord(value, depth, budget);
  } catch {
    return '[unreadable]';
  } finally {
    budget.path.delete(value);
  }
}

function first<T>(values: Iterable<T>): T[] {
  const result: T[] = [];
  for (const value of values) {
    if (result.length === MAX_NODES) break;
    result.push(value);
  }
  return result;
}

function copyArray(value: readonly unknown[], depth: number, budget: Budget): unknown[] {
  const result: unknown[] = [];
  for (let i = 0; i < value.length; i++) {
    if (budget.nodes <= 0 || budget.chars <= 0) {
      result.push(`[${value.length - i} more]`);
      break;
    }
    result.push(copy(read(value, i), depth + 1, budget));
  }
  return result;
}

function copyRecord(value: object, depth: number, budget: Budget): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (budget.nodes <= 0 || budget.chars <= 0) break;
    // As a plain assignment this name would set the prototype of the copy.
    if (key === '__proto__') continue;
    budget.chars -= key.length;
    let item: unknown;
    try {
      item = (value as Record<string, unknown>)[key];
    } catch {
      item = '[unreadable]';
    }
    result[bounded(key, 256)] = copy(item, depth + 1, budget);
  }
  return result;
}
