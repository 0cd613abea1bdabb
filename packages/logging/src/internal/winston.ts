import type { LogLevel } from '../levels.ts';

/**
 * The keys under which winston's parts hand each other the level and the finished line (documented in `triple-beam`).
 */
export const LEVEL = Symbol.for('level');
export const MESSAGE = Symbol.for('message');

/** winston counts from the most severe. */
export const WINSTON_LEVELS: Readonly<Record<LogLevel, number>> = {
  critical: 0,
  error: 1,
  warning: 2,
  info: 3,
  debug: 4,
};
