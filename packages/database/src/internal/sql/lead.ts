/**
 * What a database takes for comments: PostgreSQL has some in others, MySQL and MariaDB carry out what stands in some,
 * and have those that begin with `#`.
 */
export type Comments = 'plain' | 'nested' | 'executable';

const SPACE = /[\s;(]+|--[^\n]*/y;
const HASH = /#[^\n]*/y;
/** The beginning alone: what follows is carried out, by some versions. */
const EXECUTABLE = /\/\*M?!\d*/y;
const OPEN_OR_CLOSE = /\/\*|\*\//g;

/**
 * A statement from its first word on: without the comments, as those that tools put before it, and the brackets and
 * semicolons that stand there. So that a comment hides nothing from who looks at that word.
 */
export function fromFirstWord(text: string, comments: Comments): string {
  let at = 0;
  for (;;) {
    const end = pastOne(text, at, comments);
    if (end === at) return text.slice(at);
    at = end;
  }
}

/** Where the space or the comment ends that begins here; here, where none does. */
function pastOne(text: string, at: number, comments: Comments): number {
  const space = endOf(SPACE, text, at);
  if (space !== at) return space;
  if (comments === 'executable') {
    const end = Math.max(endOf(HASH, text, at), endOf(EXECUTABLE, text, at));
    if (end !== at) return end;
    // That of a comment whose beginning was passed over.
    if (text.startsWith('*/', at)) return at + 2;
  }
  return text.startsWith('/*', at) ? pastComment(text, at, comments === 'nested') : at;
}

function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function pastComment(text: string, at: number, isNested: boolean): number {
  let depth = 0;
  OPEN_OR_CLOSE.lastIndex = at;
  for (let mark = OPEN_OR_CLOSE.exec(text); mark !== null; mark = OPEN_OR_CLOSE.exec(text)) {
    if (mark[0] === '*/') depth -= 1;
    else if (isNested || depth === 0) depth += 1;
    if (depth === 0) return OPEN_OR_CLOSE.lastIndex;
  }
  return text.length;
}
