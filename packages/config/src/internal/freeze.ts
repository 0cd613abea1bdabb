/** Freezes plain objects and arrays, all the way down. Instances of classes are left as they are. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (!Array.isArray(value)) {
    const proto: unknown = Object.getPrototypeOf(value);
    if (proto !== Object.prototype && proto !== null) return value;
  }
  // Before its members: a value can contain itself.
  Object.freeze(value);
  for (const key in value) deepFreeze(value[key]);
  return value;
}
