/**
 * The code of an error that Redis answered, as in `READONLY`: the first word of its message. Inside a script Redis 6
 * puts its place in front.
 */
export function redisCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return /^(?:ERR Error running script.*: -)?([A-Z]+)\b/.exec(error.message)?.[1];
}
