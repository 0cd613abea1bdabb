/**
 * Freezes plain objects and arrays, deeply and in place, and returns the value. Instances of
 * classes (dates, maps, buffers) stay as they are: freezing cannot protect what they keep in
 * internal slots, and throws for filled typed arrays.
 */
export function deepFreeze<T>(value: T): T {
  if (canFreeze(value)) freeze(value, new Set());
  return value;
}

// Not stopped by what is frozen already: its parts may not be.
function freeze(value: object, seen: Set<object>): void {
  if (seen.has(value)) return;
  seen.add(value);
  Object.freeze(value);
  for (const part of Object.values(value)) if (canFreeze(part)) freeze(part, seen);
}

function canFreeze(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
