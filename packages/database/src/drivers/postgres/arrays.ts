/**
 * Reads an array as PostgreSQL writes it: `{1,NULL,"a \"quoted\" one",{nested}}`, perhaps with bounds (`[0:1]={1,2}`).
 * https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 *
 * @param parse of each element that is not NULL
 */
export function arrayOf(text: string, parse: (element: string) => unknown): unknown[] {
  // Bounds say where counting begins, which arrays of JavaScript do not have.
  let at = text.indexOf('{');

  function list(): unknown[] {
    const elements: unknown[] = [];
    at += 1;
    while (text[at] !== '}') {
      if (at >= text.length) throw new SyntaxError('The array does not end.');
      elements.push(element());
      if (text[at] === ',') at += 1;
    }
    at += 1;
    return elements;
  }

  function element(): unknown {
    if (text[at] === '{') return list();
    if (text[at] === '"') return parse(quoted());
    const start = at;
    while (at < text.length && text[at] !== ',' && text[at] !== '}') at += 1;
    const bare = text.slice(start, at);
    return bare === 'NULL' ? null : parse(bare);
  }

  function quoted(): string {
    let value = '';
    for (at += 1; text[at] !== '"'; at += 1) {
      if (at >= text.length) throw new SyntaxError('The array does not end.');
      if (text[at] === '\\') at += 1;
      value += text[at] ?? '';
    }
    at += 1;
    return value;
  }

  return list();
}

/** An array in that notation, of any type that PostgreSQL reads from text. */
export function arrayText(elements: readonly (string | number | boolean | null)[]): string {
  const texts = elements.map((element) =>
    element === null ? 'NULL' : `"${String(element).replaceAll(/["\\]/g, '\\$&')}"`,
  );
  return `{${texts.join()}}`;
}
