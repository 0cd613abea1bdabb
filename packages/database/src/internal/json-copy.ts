/** Deeper than any data of an application; a cycle gets there too. */
const MAX_DEPTH = 64;

/**
 * What JSON keeps of a value, sharing nothing with it; undefined where it cannot express it. Plain data is copied
 * member by member, which takes less time than to write a text and read it.
 */
export function asJson(value: unknown): unknown {
  const copy = copyOf(value, MAX_DEPTH);
  if (copy !== undefined) return copy;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // A cycle, a bigint, a toJSON that throws, or too deep.
  }
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

/** The copy of plain data; undefined for all that is for JSON itself to say. */
function copyOf(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      // -0 becomes 0.
      return Number.isFinite(value) ? value + 0 : undefined;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (depth === 0 || 'toJSON' in value) return undefined;
  if (Array.isArray(value)) return listOf(value, depth);
  return Object.getPrototypeOf(value) === Object.prototype ? objectOf(value as Row, depth) : undefined;
}

type Row = Readonly<Record<string, unknown>>;

function listOf(list: readonly unknown[], depth: number): unknown[] | undefined {
  const copy: unknown[] = [];
  for (const member of list) {
    const kept = copyOf(member, depth - 1);
    if (kept === undefined) return undefined;
    copy.push(kept);
  }
  return copy;
}

function objectOf(object: Row, depth: number): Record<string, unknown> | undefined {
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(object)) {
    const kept = name === '__proto__' ? undefined : copyOf(object[name], depth - 1);
    if (kept === undefined) return undefined;
    copy[name] = kept;
  }
  return copy;
}
