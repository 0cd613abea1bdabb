// A record starts where a line starts that is not indented (see Encoder): all that a sink needs to know about formats.

const LF = 10;
const SPACE = 32;

function isStart(bytes: Buffer, at: number): boolean {
  return at === 0 || (bytes[at - 1] === LF && bytes[at] !== SPACE);
}

/** The last place in `(from, max]` where a record ends; `-1` where there is none. */
export function lastEnd(bytes: Buffer, from: number, max: number): number {
  if (max >= bytes.length) return bytes.length;
  for (let at = max; at > from; at--) if (isStart(bytes, at)) return at;
  return -1;
}

/** The end of the record that `from` is in. */
export function nextEnd(bytes: Buffer, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) if (isStart(bytes, at)) return at;
  return bytes.length;
}

/** Whether `at` is inside of a record: part of it is already written. */
export function isInside(bytes: Buffer, at: number): boolean {
  return at < bytes.length && !isStart(bytes, at);
}

/** The records from `from` on, one that is cut included. */
export function countRecords(bytes: Buffer, from: number): number {
  let count = from < bytes.length ? 1 : 0;
  for (let at = from + 1; at < bytes.length; at++) if (isStart(bytes, at)) count++;
  return count;
}
