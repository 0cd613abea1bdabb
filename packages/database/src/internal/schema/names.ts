/** `film_actor` is `filmActor`. What no name of a field or entity may be is left out. */
export function camelCase(name: string): string {
  const words = name
    .normalize('NFKD')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  const joined = words
    .map((word, index) => (index === 0 ? lowerFirst(word) : `${word.charAt(0).toUpperCase()}${word.slice(1)}`))
    .join('');
  return (/^[A-Za-z]/.test(joined) ? joined : `n${joined}`).slice(0, 60);
}

/** `film_actor` is `FilmActor`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return `${camel.charAt(0).toUpperCase()}${camel.slice(1)}`;
}

/** `URL` is `url`, `userID` stays. */
function lowerFirst(word: string): string {
  return word === word.toUpperCase() ? word.toLowerCase() : `${word.charAt(0).toLowerCase()}${word.slice(1)}`;
}

/** The name, or with a number behind it where it is taken. */
export function unused(name: string, taken: Set<string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n += 1) free = `${name}${n}`;
  taken.add(free);
  return free;
}

/** A text as TypeScript. */
export function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`;
}
