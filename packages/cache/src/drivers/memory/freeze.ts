/**
 * Freezes plain objects and arrays, deeply and in place, and returns the value. Instances of
 * classes (dates, maps, buffers) stay as they are: freezing cannot protect what they keep in
 * internal slots, and throws for filled typed arrays.
 */
export function deepFreeze<T>(value: T): T {
  if (canFreeze(value)) freeze(value, new Seen(value));
  return value;
}

// Not stopped by what is frozen already: its parts may not be.
function freeze(value: object, seen: Seen): void {
  Object.freeze(value);
  if (Array.isArray(value)) {
    // By its values, and not by its length: there may be holes, and names too.
    for (const part of Object.values(value) as unknown[]) if (canFreeze(part) && seen.isNew(part)) freeze(part, seen);
    return;
  }
  for (const name in value) {
    const part = (value as Record<string, unknown>)[name];
    if (canFreeze(part) && Object.hasOwn(value, name) && seen.isNew(part)) freeze(part, seen);
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

/** The objects that were met: the first few in a list, each before the one that came before it, and else in a set. */
class Seen {
  #last: Met;
  #many: Set<object> | undefined;

  constructor(value: object) {
    this.#last = { value, before: undefined, count: 1 };
  }

  isNew(value: object): boolean {
    if (this.#many !== undefined) return this.#many.size < this.#many.add(value).size;
    for (let met: Met | undefined = this.#last; met !== undefined; met = met.before) {
      if (met.value === value) return false;
    }
    this.#last = { value, before: this.#last, count: this.#last.count + 1 };
    if (this.#last.count > FEW) this.#many = setOf(this.#last);
    return true;
  }
}

interface Met {
  readonly value: object;
  readonly before: Met | undefined;
  readonly count: number;
}

function setOf(last: Met): Set<object> {
  const all = new Set<object>();
  for (let met: Met | undefined = last; met !== undefined; met = met.before) all.add(met.value);
  return all;
}
