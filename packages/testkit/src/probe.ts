import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * Sends bytes to a server and collects what it answers until `enough` says
 * so; `enough` throws when it is the wrong answer.
 *
 * @throws when the server refuses, closes early, answers wrongly, or has not
 *   answered enough within `timeoutMs` (default 2000)
 */
export function ask(
  address: { readonly host: string; readonly port: number },
  request: Uint8Array | string,
  enough: (answer: Buffer) => boolean,
  timeoutMs = 2000,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = connect(address.port, address.host);
    const fail = (what: string): void => {
      const got = answer.length > 0 ? `; it answered ${JSON.stringify(answer.toString('latin1').slice(0, 200))}` : '';
      socket.destroy();
      reject(new Error(`${address.host}:${address.port} ${what}${got}`));
    };
    const timer = setTimeout(() => fail(`did not answer as expected within ${timeoutMs} ms`), timeoutMs);
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      try {
        if (!enough(answer)) return;
      } catch (error) {
        return fail(`is not ready: ${String(error)}`);
      }
      socket.destroy();
      resolve(answer);
    });
    socket.once('error', (error) => fail(`cannot be reached (${error.message})`));
    socket.once('close', () => {
      clearTimeout(timer);
      fail('closed the connection'); // does nothing after resolve
    });
  });
}

/** For {@link ask}: the answer is complete when it has a line end, and wrong when it does not start with `text`. */
export function lineStartingWith(text: string): (answer: Buffer) => boolean {
  return (answer) => {
    if (!answer.includes('\n')) return false;
    if (!answer.toString('latin1').startsWith(text)) throw new Error(`expected ${text}`);
    return true;
  };
}

/** Connects and hangs up; throws when nobody listens there. */
export async function canConnect(address: { readonly host: string; readonly port: number }): Promise<void> {
  const socket = connect(address.port, address.host);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(2000) });
  } finally {
    socket.destroy();
  }
}

/**
 * Repeats `attempt` until it no longer throws. `giveUp` is asked between attempts and may throw to end the wait early.
 *
 * @throws the last error of `attempt` as `cause` when `timeoutMs` have passed
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  attempt: () => Promise<T>,
  giveUp: () => void = () => {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 2, 100)) {
    giveUp();
    try {
      return await attempt();
    } catch (cause) {
      giveUp();
      if (Date.now() > deadline) throw new Error(`${what}: not so after ${timeoutMs} ms (${String(cause)})`, { cause });
    }
    await wait(pause);
  }
}
