import { once } from 'node:events';
import type { Server } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { durationOption, pause, refuseUnknown, startTimer } from '@ent/internal';
import { httpErrors } from './errors.ts';
import { Connections } from './internal/connections.ts';
import type { DrainOptions, DrainReport } from './options.ts';

const SWEEP_MS = 50;

const running = new WeakMap<Server, Promise<DrainReport>>();

/**
 * Stops a server without losing a request.
 *
 * For `grace` everything is still served, with `Connection: close`. Then the server stops listening, answers what it
 * has begun with, however slowly it is read, and closes connections as they fall idle. At the deadline the rest is cut.
 * Set readiness to 503 before, so that nobody sends new clients here. A second call waits for the first.
 *
 * @param server from {@link createServer}, or made {@link drainable}
 * @throws `http.invalid_options` for another server, a malformed duration,
 *   or a `grace` that is not under the `deadline`
 * @example
 * ```ts no-run
 * import { createListener, createServer, drain } from '@ent/http';
 *
 * const server = createServer(createListener([])).listen(8000);
 * process.once('SIGTERM', async () => {
 *   const { cut } = await drain(server, { grace: '5s', deadline: '30s' });
 *   process.exitCode = cut === 0 ? 0 : 1;
 * });
 * ```
 */
export async function drain(server: Server, options: DrainOptions = {}): Promise<DrainReport> {
  let drained = running.get(server);
  if (drained === undefined) {
    drained = empty(server, readOptions(server, options));
    running.set(server, drained);
  }
  return drained;
}

interface Plan {
  readonly connections: Connections;
  readonly grace: number;
  readonly timeUp: AbortSignal;
  dispose(): void;
}

function readOptions(server: Server, options: DrainOptions): Plan {
  refuseUnknown(options, { grace: true, deadline: true, signal: true }, 'drain', httpErrors.invalid_options);
  const { grace: graceOption = '5s', signal } = options;
  const grace = graceOption === 0 ? 0 : durationOption(graceOption, 'drain: grace', httpErrors.invalid_options);
  const deadline = durationOption(options.deadline ?? '30s', 'drain: deadline', httpErrors.invalid_options);
  if (grace >= deadline) {
    throw httpErrors.invalid_options(`drain: grace (${grace} ms) must be under the deadline (${deadline} ms).`);
  }
  const connections = Connections.find(server);
  if (connections === undefined) {
    throw httpErrors.invalid_options(
      'drain: the server must come from createServer(), or from drainable() before it listens.',
    );
  }
  const timeUp = new AbortController();
  const end = (): void => timeUp.abort();
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end, { once: true });
  // One that waits for months too, which AbortSignal.timeout does not.
  const timer = startTimer(deadline, end);
  const dispose = (): void => {
    timer.cancel();
    signal?.removeEventListener('abort', end);
  };
  return { connections, grace, timeUp: timeUp.signal, dispose };
}

async function empty(server: Server, plan: Plan): Promise<DrainReport> {
  try {
    return server.listening ? await emptyBy(server, plan) : { cut: 0 };
  } finally {
    plan.dispose();
  }
}

async function emptyBy(server: Server, { connections, grace, timeUp }: Plan): Promise<DrainReport> {
  connections.leave();
  if (grace > 0) await pause(grace, timeUp);
  // A connection that the kernel has taken and we have not is reset by the close. Behind a turn of the loop there are
  // the fewest of them; a proxy may not repeat what it has sent on one.
  await nextTurn();
  const closed = once(server, 'close');
  server.close();
  connections.end();
  while (connections.size > 0 && !timeUp.aborted) {
    connections.closeIdle();
    await pause(SWEEP_MS, timeUp);
  }
  const cut = connections.open;
  connections.closeAll();
  await closed;
  return { cut };
}
