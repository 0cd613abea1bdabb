/** What wants to write its last lines. */
export interface Finisher {
  /** Writes what is left without the event loop. */
  finish(): void;
  readonly signals: readonly NodeJS.Signals[];
}

// One listener for all loggers of the process, or the eleventh one would make Node warn of a leak.
const finishers = new Set<Finisher>();
const signalListeners = new Map<NodeJS.Signals, () => void>();

/**
 * Calls `finish` at the end of the process: after `process.exit()`, an uncaught exception, or the last turn of the
 * event loop (Node's `exit` event), and at the signals that the finisher names.
 */
export function atExit(finisher: Finisher): () => void {
  if (finishers.size === 0) process.on('exit', finishAll);
  finishers.add(finisher);
  for (const signal of finisher.signals) {
    if (signalListeners.has(signal)) continue;
    const listener = (): void => onSignal(signal, listener);
    signalListeners.set(signal, listener);
    process.on(signal, listener);
  }
  return () => {
    if (!finishers.delete(finisher)) return;
    if (finishers.size === 0) process.off('exit', finishAll);
    for (const [signal, listener] of signalListeners) {
      if ([...finishers].some((other) => other.signals.includes(signal))) continue;
      process.off(signal, listener);
      signalListeners.delete(signal);
    }
  };
}

function finishAll(): void {
  for (const finisher of finishers) {
    try {
      finisher.finish();
    } catch {
      // A driver that fails now must not keep the others from their last lines, nor change how the process ends.
    }
  }
}

/**
 * Node's default at a signal is to die at once. With a listener of ours it would live on, so we do what the default
 * does, after the lines are written; but where the application listens too, what happens is its decision.
 */
function onSignal(signal: NodeJS.Signals, listener: () => void): void {
  if (process.listenerCount(signal) > 1) return;
  finishAll();
  process.off(signal, listener);
  process.kill(process.pid, signal);
}
