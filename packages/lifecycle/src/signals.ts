import { kindOf, refuseUnknown } from '@ent/internal';
import { lifecycleErrors } from './errors.ts';
import type { Lifecycle } from './lifecycle.ts';

/** Options of {@link stopOnSignals}. */
export interface SignalOptions {
  /** Default `['SIGTERM', 'SIGINT']`: what containers and terminals send. */
  signals?: readonly NodeJS.Signals[] | undefined;
  /** Called when the stop begins and, with the error, when it failed; the place for a last log line. Must not throw. */
  onStop?: ((event: { signal: NodeJS.Signals; phase: 'begin' | 'end'; error?: unknown }) => void) | undefined;
}

// Ctrl-C reaches the whole process group, and npm and pnpm pass it on as well: one key press, two signals.
const SAME_SIGNAL_MS = 1000;

/**
 * Stops the lifecycle on SIGTERM and SIGINT, then exits: 0 when everything stopped, 1 when
 * something did not. A second signal, more than a second after the first, exits at once with 128 +
 * its number, for an operator who does not want to wait.
 *
 * The process exits by `process.exit()`: a handle that a library forgot must not keep a stopped service alive.
 *
 * ```ts no-run
 * import { createLifecycle, stopOnSignals } from '@ent/lifecycle';
 *
 * const app = createLifecycle().add('queue', { stop: () => console.log('drained') });
 * await app.start();
 * stopOnSignals(app, { onStop: ({ signal, phase, error }) => console.log(signal, phase, error) });
 * ```
 *
 * @returns a function that removes the handlers
 * @throws `lifecycle.invalid_options` for an option that there is not, or without a lifecycle
 */
export function stopOnSignals(lifecycle: Lifecycle, options: SignalOptions = {}): () => void {
  refuseUnknown(options, { signals: true, onStop: true }, 'stopOnSignals', lifecycleErrors.invalid_options);
  if (typeof (lifecycle as Partial<Lifecycle> | undefined)?.stop !== 'function') {
    throw lifecycleErrors.invalid_options('stopOnSignals: give it what createLifecycle() gives.');
  }
  const signals = options.signals ?? ['SIGTERM', 'SIGINT'];
  const given: unknown = signals;
  if (!Array.isArray(given)) {
    throw lifecycleErrors.invalid_options(`stopOnSignals: signals must be a list of names; got ${kindOf(given)}.`);
  }
  let stoppingSince: number | undefined;

  const onSignal = (signal: NodeJS.Signals, number: number): void => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince < SAME_SIGNAL_MS) return;
      process.exit(128 + number);
    }
    stoppingSince = performance.now();
    options.onStop?.({ signal, phase: 'begin' });
    lifecycle.stop().then(
      () => {
        options.onStop?.({ signal, phase: 'end' });
        process.exit(0);
      },
      (error: unknown) => {
        options.onStop?.({ signal, phase: 'end', error });
        process.exit(1);
      },
    );
  };

  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
