/**
 * Freezes plain objects and arrays, deeply and in place, and returns the value. Instances of
 * classes (dates, maps, buffers) stay as they are: freezing cannot protect what they keep in
 * internal slots, and throws for filled typed arrays.
 */
export function deepFreeze<T>(value: T): T {
  if (canFreeze(value)) freeze(value, { few: [], many: undefined });
  return value;
}

// Not stopped by what is frozen already: its parts may not be.
function freeze(value: object, seen: Seen): void {
  if (!isNew(value, seen)) return;
  Object.freeze(value);
  if (Array.isArray(value)) {
    // By its values, and not by its length: there may be holes, and names too.
    for (const part of Object.values(value) as unknown[]) if (canFreeze(part)) freeze(part, seen);
    return;
  }
  for (const name in value) {
    const part = (value as Record<string, unknown>)[name];
    if (canFreeze(part) && Object.hasOwn(value, name)) freeze(part, seen);
  }
}

function canFreeze(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

// With so few a list is quicker than a set, and most values have fewer parts.
const FEW = 16;

/** The objects that were met. */
interface Seen {
  readonly few: object[];
  many: Set<object> | undefined;
}

function isNew(value: object, seen: Seen): boolean {
  const { few, many } = seen;
  if (many !== undefined) return many.size < many.add(value).size;
  if (few.includes(value)) return false;
  if (few.push(value) > FEW) seen.many = new Set(few);
  return true;
}
