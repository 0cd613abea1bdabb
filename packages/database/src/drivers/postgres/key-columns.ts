/** A part of an expression: a text, the type after `::`, a word in quotation marks, a word, anything else. */
const PARTS =
  /('(?:[^']|'')*')|(::\s*(?:"(?:[^"]|"")*"|[\w.]+)(?: (?:with|without) time zone| varying| precision)?)|"((?:[^"]|"")*)"|([\p{L}_][\p{L}\w$]*)|[^]/gu;

/**
 * The columns that the detail of an error names: of `Key (email)=(ann@example.org) ...`, and those that the expressions
 * of `Key (room, tstzrange(starts_at, ends_at))=(...) ...` read. Undefined where it names none.
 */
export function columnsOfKey(detail: string): string[] | undefined {
  if (!detail.startsWith('Key (')) return undefined;
  const columns = new Set<string>();
  let start = 'Key ('.length;
  let depth = 1;
  let quote = '';
  for (let at = start; at < detail.length; at += 1) {
    const char = detail.charAt(at);
    if (quote !== '') {
      if (char === quote) quote = '';
      continue;
    }
    if (char === '"' || char === "'") quote = char;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    if (depth === 0 || (depth === 1 && char === ',')) {
      for (const column of columnsOf(detail.slice(start, at).trim())) columns.add(column);
      start = at + 1;
    }
    if (depth === 0) return [...columns];
  }
  return undefined;
}

/** PostgreSQL writes each expression with parentheses, and its own words with capital letters. */
function columnsOf(element: string): string[] {
  if (!element.includes('(')) return [element.replace(/^"(.*)"$/, '$1').replaceAll('""', '"')];
  const found: string[] = [];
  for (const part of element.matchAll(PARTS)) {
    const [, , , quoted, word] = part;
    // A function, its schema, or the field of EXTRACT(year FROM at).
    if (/^(?:[(.]| FROM )/.test(element.slice(part.index + part[0].length))) continue;
    if (quoted !== undefined) found.push(quoted.replaceAll('""', '"'));
    else if (word !== undefined && !/^[A-Z_]+$/.test(word)) found.push(word);
  }
  return found;
}
