import { EntError } from '@ent/errors';
import { durationOption, kindOf, pause, refuseUnknown, traced, withDeadline } from '@ent/internal';
import { channels } from './channels.ts';
import { lifecycleErrors } from './errors.ts';
import { createHealth, type Health } from './health.ts';
import type { Component, LifecycleOptions } from './options.ts';
import { inOrder } from './order.ts';

/** Where a lifecycle is. It only moves to the right; `failed` is the end of a start that did not succeed. */
export type LifecycleState = 'idle' | 'starting' | 'ready' | 'draining' | 'stopping' | 'stopped' | 'failed';

/** The parts of a process in the order in which they start. */
export interface Lifecycle {
  readonly state: LifecycleState;
  readonly health: Health;
  /**
   * Adds a part; parts start in the order in which they were added, each after those that its `after` names. Only
   * before `start()`.
   * @throws `lifecycle.wrong_state` after the start began; `lifecycle.invalid_options` for what is no part
   */
  add(name: string, component: Component): Lifecycle;
  /**
   * Starts the parts one after the other. If one fails, those that had started are stopped in
   * reverse and the error of the failed part is thrown.
   * @throws `lifecycle.start_failed`, `lifecycle.start_timeout` with `details.component`, the error of the part being
   *   the `cause`; `lifecycle.start_aborted` when `stop()` was called meanwhile; `lifecycle.invalid_options` where an
   *   `after` names no part, or parts wait for each other
   */
  start(): Promise<void>;
  /**
   * Readiness goes to "fail", the drain delay passes, then the parts stop in reverse order, each of them even if
   * another fails. Called during a start it aborts that start. A second call waits for the first.
   * @throws AggregateError of `lifecycle.stop_failed` and `lifecycle.stop_timeout`
   */
  stop(): Promise<void>;
}

const OPTIONS = { startTimeout: true, drainDelay: true, stopTimeout: true, health: true } as const;

/**
 * Starts the parts of a process in order, stops them in reverse, and tells probes where it stands.
 *
 * @throws `lifecycle.invalid_options` for a duration that is none
 *
 * @example
 * ```ts no-run
 * import { createDatabase } from '@ent/database';
 * import { sqlite } from '@ent/database/sqlite';
 * import { createListener, createServer, drain } from '@ent/http';
 * import { createLifecycle, stopOnSignals } from '@ent/lifecycle';
 *
 * const db = createDatabase({ driver: sqlite({ file: './app.db' }) });
 * const server = createServer(createListener([]));
 * const app = createLifecycle({ drainDelay: '5s' })
 *   .add('database', { start: () => db.ping(), stop: () => db.close(), check: () => db.ping() })
 *   .add('http', { start: () => server.listen(8000), stop: () => drain(server) });
 * await app.start();
 * stopOnSignals(app);
 * ```
 */
export function createLifecycle(options: LifecycleOptions = {}): Lifecycle {
  refuseUnknown(options, OPTIONS, 'createLifecycle', lifecycleErrors.invalid_options);
  const startTimeoutMs = durationOption(options.startTimeout ?? '30s', 'startTimeout', lifecycleErrors.invalid_options);
  const stopTimeoutMs = durationOption(options.stopTimeout ?? '20s', 'stopTimeout', lifecycleErrors.invalid_options);
  const drainMs = options.drainDelay
    ? durationOption(options.drainDelay, 'drainDelay', lifecycleErrors.invalid_options)
    : 0;
  const health = createHealth(options.health);
  const parts: Part[] = [];
  const started: Part[] = [];
  const abortStart = new AbortController();
  let state: LifecycleState = 'idle';
  let starting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;

  const startOne = async ({ name, component, startMs = startTimeoutMs, stopMs }: Part): Promise<void> => {
    const timeout = (): Error =>
      lifecycleErrors.start_timeout(`"${name}" did not start within ${startMs} ms.`, {
        details: { component: name },
      });
    let running: Promise<unknown> | undefined;
    try {
      await traced(channels.start, { component: name }, () =>
        withDeadline(
          (signal) => (running = (async () => component.start?.(signal))()),
          startMs,
          timeout,
          abortStart.signal,
        ),
      );
    } catch (cause) {
      // A start that ignores its signal and succeeds after all would leave its part running: nobody else stops it.
      running?.then(() => stopLate(component, stopMs)).catch(() => {});
      if (abortStart.signal.aborted) throw abortStart.signal.reason;
      throw EntError.is(cause) && cause.code === lifecycleErrors.start_timeout.code
        ? cause
        : lifecycleErrors.start_failed(`"${name}" did not start: ${messageOf(cause)}`, {
            cause,
            details: { component: name },
          });
    }
  };

  const stopLate = async (component: Component, stopMs = stopTimeoutMs): Promise<unknown> =>
    withDeadline(
      async (signal) => component.stop?.(signal),
      Math.min(stopMs, stopTimeoutMs),
      () => lifecycleErrors.stop_timeout('A component that started too late did not stop in time.'),
    );

  const stopOne = async ({ name, component, stopMs = Infinity }: Part, endsAt: number): Promise<void> => {
    const timeout = (): Error =>
      lifecycleErrors.stop_timeout(`"${name}" did not stop in time.`, { details: { component: name } });
    try {
      // A part whose turn comes after the end still gets a moment: closing a file is worth more than an exact deadline.
      const left = Math.min(stopMs, Math.max(endsAt - performance.now(), 100));
      await traced(channels.stop, { component: name }, () =>
        withDeadline(async (signal) => component.stop?.(signal), left, timeout),
      );
    } catch (cause) {
      throw EntError.is(cause) && cause.code === lifecycleErrors.stop_timeout.code
        ? cause
        : lifecycleErrors.stop_failed(`"${name}" did not stop cleanly: ${messageOf(cause)}`, {
            cause,
            details: { component: name },
          });
    }
  };

  const stopStarted = async (): Promise<unknown[]> => {
    const endsAt = performance.now() + stopTimeoutMs;
    const errors: unknown[] = [];
    for (let part = started.pop(); part; part = started.pop()) {
      await stopOne(part, endsAt).catch((error: unknown) => errors.push(error));
    }
    return errors;
  };

  const startAll = async (): Promise<void> => {
    state = 'starting';
    try {
      for (const part of inOrder(parts)) {
        abortStart.signal.throwIfAborted();
        await startOne(part);
        started.push(part);
      }
      abortStart.signal.throwIfAborted();
    } catch (error) {
      // The first error is the one to mend; what goes wrong while cleaning up after it would hide it.
      await stopStarted();
      state = 'failed';
      throw error;
    }
    state = 'ready';
    health.phase = 'ready';
  };

  const stopAll = async (): Promise<void> => {
    health.phase = 'stopping';
    if (state === 'starting') {
      abortStart.abort(lifecycleErrors.start_aborted('The start was given up because stop() was called.'));
      await starting?.catch(() => {});
    }
    if (state === 'ready' && drainMs > 0) {
      state = 'draining';
      await pause(drainMs);
    }
    state = 'stopping';
    const errors = await stopStarted();
    state = 'stopped';
    if (errors.length > 0) throw new AggregateError(errors, `${errors.length} of the components did not stop cleanly`);
  };

  return {
    get state() {
      return state;
    },
    health,
    add(name, component) {
      if (state !== 'idle')
        throw lifecycleErrors.wrong_state(`"${name}" was added after the start began; add it before start().`);
      demandComponent(name, component);
      parts.push(partOf(name, component));
      const { check } = component;
      if (check) health.register(name, { ...component.health, check: (signal) => check.call(component, signal) });
      return this;
    },
    start() {
      if (state !== 'idle') {
        return Promise.reject(
          lifecycleErrors.wrong_state(`start() was called in the state "${state}"; make a new lifecycle.`),
        );
      }
      starting = startAll();
      return starting;
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}

/** A component, with what it says of its times and its place. */
interface Part {
  readonly name: string;
  readonly component: Component;
  readonly after: readonly string[];
  readonly startMs: number | undefined;
  readonly stopMs: number | undefined;
}

function partOf(name: string, component: Component): Part {
  const { after = [] } = component;
  if (!Array.isArray(after) || !after.every((each) => typeof each === 'string')) {
    throw lifecycleErrors.invalid_options(`add: after of "${name}" must be a list of names; got ${kindOf(after)}.`);
  }
  const timeout = (option: 'startTimeout' | 'stopTimeout'): number | undefined => {
    const given = component[option];
    if (given === undefined) return undefined;
    return durationOption(given, `${option} of "${name}"`, lifecycleErrors.invalid_options);
  };
  return { name, component, after, startMs: timeout('startTimeout'), stopMs: timeout('stopTimeout') };
}

/** A part may be an object of any class; its `start`, `stop` and `check` are what is called. */
function demandComponent(name: unknown, component: unknown): void {
  if (typeof name !== 'string') {
    throw lifecycleErrors.invalid_options(`add: the name of a part must be a text; got ${kindOf(name)}.`);
  }
  if ((typeof component !== 'object' && typeof component !== 'function') || component === null) {
    throw lifecycleErrors.invalid_options(
      `add: the part "${name}" must be an object with start(), stop() or check(); got ${kindOf(component)}.`,
    );
  }
  for (const method of ['start', 'stop', 'check'] as const) {
    const given: unknown = Reflect.get(component, method);
    if (given === undefined || given === null || typeof given === 'function') continue;
    throw lifecycleErrors.invalid_options(`add: ${method} of "${name}" must be a function; got ${kindOf(given)}.`);
  }
}

/** What went wrong, in words. An error of several (a name with two addresses, both dead) has none of its own. */
function messageOf(error: unknown, depth = 0): string {
  if (error instanceof AggregateError && depth < 3) {
    const reasons = error.errors.slice(0, MAX_REASONS).map((each) => messageOf(each, depth + 1));
    if (error.errors.length > MAX_REASONS) reasons.push(`and ${error.errors.length - MAX_REASONS} more`);
    const all = [...new Set(reasons)].join('; ');
    return error.message === '' ? all : `${error.message} (${all})`;
  }
  const known = EntError.from(error);
  return known.code === 'internal' && error instanceof Error ? error.message || error.name : known.message;
}

const MAX_REASONS = 8;
