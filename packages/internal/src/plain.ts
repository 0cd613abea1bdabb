import { CENSOR, isSecret, type Redactor } from './redact.ts';

/** How much of an answer is kept. */
export interface Limits {
  /** Of one list, or members of one object. */
  readonly items: number;
  /** Of one text. */
  readonly chars: number;
  readonly depth: number;
  /** Values in all. */
  readonly values: number;
}

/** A name, and how to read what it stands for. */
type Entry = readonly [string, () => unknown];

/** What {@link plain} made. */
export interface Plain {
  readonly value: unknown;
  /** Something was left out for its size. */
  readonly isCut: boolean;
}

/**
 * Data for an answer: what JSON can hold, without secrets, and within limits. It never throws, whatever an object does
 * when it is read.
 */
export function plain(given: unknown, limits: Limits, redactor: Redactor): Plain {
  let isCut = false;
  let left = limits.values;
  const seen = new Set<object>();

  const cut = <T>(answer: T): T => {
    isCut = true;
    return answer;
  };
  const text = (value: string): string => {
    const clean = json(value) ?? redactor.text(value);
    if (clean.length <= limits.chars) return clean;
    return cut(`${clean.slice(0, limits.chars)}… (${clean.length - limits.chars} more)`);
  };
  /** A text that is JSON is read, since its names tell what in it is secret. */
  const json = (value: string): string | undefined => {
    if (!/^\s*[[{]/.test(value)) return undefined;
    const parsed = attempt(() => JSON.parse(value) as unknown);
    return parsed === undefined ? undefined : JSON.stringify(walk(parsed, limits.depth / 2));
  };
  /** @param label the name that an object `{ name, value }` gives its value */
  const members = (entries: Iterable<Entry>, depth: number, label?: unknown): Record<string, unknown> => {
    // Without a prototype: a member may be called "__proto__".
    const shown = Object.create(null) as Record<string, unknown>;
    let count = 0;
    for (const [name, read] of entries) {
      if (count++ === limits.items || left <= 0) {
        shown['…'] = 'more';
        return cut(shown);
      }
      const value = attempt(read, '[unreadable]');
      if (value === undefined || typeof value === 'function') continue;
      const isHidden =
        isSecret(name, value) || (name === 'value' && typeof label === 'string' && isSecret(label, value));
      shown[redactor.text(name)] = isHidden ? CENSOR : walk(value, depth - 1);
    }
    return shown;
  };
  const list = (values: Iterable<unknown>, depth: number): unknown[] => {
    const shown: unknown[] = [];
    for (const value of values) {
      if (shown.length === limits.items || left <= 0) {
        shown.push('… more');
        return cut(shown);
      }
      shown.push(walk(value, depth - 1));
    }
    return shown;
  };

  const objectOf = (value: object, depth: number): unknown => {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (value instanceof URL) return text(value.href);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (value instanceof Map) return members(mapEntries(value), depth);
    if (value instanceof Set || Array.isArray(value)) return list(value as Iterable<unknown>, depth);
    if (value instanceof Error) {
      const { name, message, cause } = value;
      const { code } = value as { code?: unknown };
      return members(propertiesOf({ name, code, message, cause }), depth);
    }
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return walk(Reflect.apply(toJSON, value, []), depth - 1);
    const { name, key = name } = value as { name?: unknown; key?: unknown };
    return members(propertiesOf(value), depth, key);
  };

  const walk = (value: unknown, depth: number): unknown => {
    left--;
    if (typeof value === 'string') return text(value);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value !== 'object' || value === null) return typeof value === 'boolean' ? value : null;
    if (depth <= 0) return cut('[deeper]');
    if (seen.has(value)) return '[circular]';
    seen.add(value);
    try {
      return objectOf(value, depth);
    } catch {
      return '[unreadable]';
    } finally {
      seen.delete(value);
    }
  };
  return { value: walk(given, limits.depth), isCut };
}

function attempt<T, Otherwise = undefined>(work: () => T, otherwise?: Otherwise): T | Otherwise {
  try {
    return work();
  } catch {
    return otherwise as Otherwise;
  }
}

function* propertiesOf(value: object): Iterable<Entry> {
  for (const name of Object.keys(value)) yield [name, () => (value as Record<string, unknown>)[name]];
}

function* mapEntries(map: ReadonlyMap<unknown, unknown>): Iterable<Entry> {
  for (const [key, value] of map) yield [String(key), () => value];
}
