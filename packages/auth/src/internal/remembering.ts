/**
 * What is asked for is a permission, or a set of roles: those are written in the code, so they are few. Should somebody
 * build them from input, this bounds the memory.
 */
const MAX = 4096;

/** The same function, which makes each answer once. What it throws is not kept. */
export function remembering<V extends object | boolean>(make: (key: string) => V): (key: string) => V {
  const known = new Map<string, V>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) {
      value = make(key);
      if (known.size >= MAX) known.clear();
      known.set(key, value);
    }
    return value;
  };
}
