import { isThenable, pause } from '@ent/internal';
import { hasUnwritten, isBroken, type Transport } from './transport-parts.ts';

// The ways in which transports of winston's say that their lines are out. None has them all, and the callback of a
// write says for most no more than that the line was taken: the lines then wait in a stream, a batch or a socket of the
// transport's own.

/** How long a `close()` is waited for that answers nothing and tells nothing. */
const QUIET_MS = 1000;
const LOOK_MS = 5;
/** What transports emit when a write or a batch of them failed. */
const FAILURES = ['error', 'warn', 'warning'] as const;

/** Ends a transport. Answers whether it said that it is done, and that nothing failed meanwhile. */
export async function endTransport(transport: Transport, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  let failed = false;
  const fail = (): void => void (failed = true);
  for (const event of FAILURES) transport.on(event, fail);
  const isEnded = await endStream(transport, deadline);
  // Also where that took too long: what it has open is given back.
  const isClosed = await close(transport, deadline, fail);
  // A batch that could not be sent is kept, and close() answers all the same. That it rejects when it is closed proves
  // nothing.
  const isOut = isEnded && isClosed && !failed && (await flush(transport, deadline, () => {}));
  for (const event of FAILURES) transport.off(event, fail);
  return isOut && !failed;
}

/** Waits until what the transport took is out, as far as it can tell. */
export async function flushTransport(transport: Transport, timeoutMs: number): Promise<boolean> {
  let failed = false;
  const isOut = await flush(transport, performance.now() + timeoutMs, () => (failed = true));
  return isOut && !failed;
}

/** `end()` of the stream: `_final()`, for those that have it. */
function endStream(transport: Transport, deadline: number): Promise<boolean> {
  let ended = false;
  const end = (): void => void (ended = true);
  for (const event of ['finish', 'close', ...FAILURES]) transport.once(event, end);
  try {
    transport.end();
  } catch {
    return Promise.resolve(false);
  }
  return until(() => ended, deadline);
}

/** `close()`, which winston calls when it lets go of a transport: a promise, a callback, an event, or nothing. */
async function close(transport: Transport, deadline: number, fail: () => void): Promise<boolean> {
  if (typeof transport.close !== 'function') return true;
  let closed = false;
  const done = (): void => void (closed = true);
  for (const event of ['finish', 'closed', 'close']) transport.once(event, done);
  ask(transport, 'close', done, fail);
  // One with a _final() of its own has had its end: winston's File never tells of its close() after that.
  const quietUntil = performance.now() + (typeof transport._final === 'function' ? 0 : QUIET_MS);
  return until(() => closed || performance.now() > quietUntil, deadline);
}

async function flush(transport: Transport, deadline: number, fail: () => void): Promise<boolean> {
  let answered = true;
  if (typeof transport.flush === 'function') {
    const done = (): void => void (answered = true);
    answered = !ask(transport, 'flush', done, () => {
      fail();
      done();
    });
  }
  return (await until(() => answered && !hasUnwritten(transport), deadline)) && !isBroken(transport);
}

/** Calls a method that answers by a promise, or by a callback if it takes one. Answers whether it does either. */
function ask(transport: Transport, method: 'close' | 'flush', done: () => void, fail: () => void): boolean {
  try {
    const answer: unknown = transport[method]?.(done);
    if (isThenable(answer)) answer.then(done, fail);
    return isThenable(answer) || (transport[method]?.length ?? 0) > 0;
  } catch {
    fail();
    return false;
  }
}

/**
 * There is no event for most of this; it is looked for at the end of a process only, and when somebody waits for
 * `flush`.
 */
async function until(isSo: () => boolean, deadline: number): Promise<boolean> {
  while (!isSo()) {
    if (performance.now() >= deadline) return false;
    await pause(LOOK_MS);
  }
  return true;
}
