/** `#/a/0/b`: a path as a JSON pointer (RFC 6901), in its form as a URI fragment. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  const tokens = path.map((token) =>
    // encodeURIComponent throws on half a surrogate pair.
    encodeURIComponent(String(token).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1')),
  );
  return ['#', ...tokens].join('/');
}
