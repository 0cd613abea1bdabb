import { EventEmitter } from 'node:events';
import { isThenable } from '@ent/internal';
import type TransportStream from 'winston-transport';
import { WINSTON_LEVELS } from '../internal/winston.ts';
import type { LogLevel } from '../levels.ts';

/** What a transport may have besides a stream. */
export type Transport = TransportStream & {
  close?(done: () => void): unknown;
  flush?(done: () => void): unknown;
};

/**
 * Does what winston does when it pipes into a transport. One with a level of its own compares by `levels`;
 * `winston-elasticsearch` keeps the source, and pipes it again after each error.
 */
export function pipeInto(transport: Transport, names: Readonly<Record<LogLevel, string>>): void {
  const levels: Record<string, number> = { ...WINSTON_LEVELS };
  for (const [level, name] of Object.entries(names)) levels[name] = WINSTON_LEVELS[level as LogLevel];
  transport.emit('pipe', new Source(levels));
  Object.assign(transport, { levels });
}

/** The end of a pipe, as far as a transport asks for it. Lines do not come through it. */
class Source extends EventEmitter {
  readonly levels: Readonly<Record<string, number>>;

  constructor(levels: Readonly<Record<string, number>>) {
    super();
    this.levels = levels;
  }

  pipe<Target>(target: Target): Target {
    return target;
  }

  unpipe(): this {
    return this;
  }
}

type Log = (info: unknown, done: (error?: unknown) => void) => unknown;

/**
 * Has `log()` answer each line once, whatever it does: an `async` one that rejects would end the process, one that
 * throws would leave its stream waiting for ever, and one that answers twice would make its stream throw.
 */
export function answerOnce(transport: Transport): void {
  const { log } = transport as { log?: Log };
  if (typeof log !== 'function') return;
  transport.log = (info: unknown, next: (error?: unknown) => void): void => {
    let isDone = false;
    const done = (error?: unknown): void => {
      if (isDone) return;
      isDone = true;
      next(error);
    };
    try {
      const answer = log.call(transport, info, done);
      if (isThenable(answer)) answer.then(undefined, done);
    } catch (error) {
      done(error);
    }
  };
}

/** A stream that a transport writes to, such as the one that was given to winston's `Stream`. */
interface OwnStream {
  readonly writableLength: number;
  readonly readableLength?: number;
  readonly errored?: unknown;
  readonly _transform?: unknown;
  listenerCount(event: 'error'): number;
  on(event: 'error', listener: () => void): void;
}

function streamsOf(transport: Transport): OwnStream[] {
  return Object.values(transport).filter(
    (value: Partial<OwnStream> | null | undefined): value is OwnStream =>
      typeof value?.writableLength === 'number' && typeof value.listenerCount === 'function',
  );
}

/** Errors of streams that nobody listens to end the process. Those of a log need not. */
export function watchStreams(transport: Transport): void {
  for (const stream of streamsOf(transport)) if (stream.listenerCount('error') === 0) stream.on('error', () => {});
}

/** Whether the stream of a transport is gone for good; the transport itself goes on writing to it. */
export function isBroken(transport: Transport): boolean {
  const { errored } = (transport as { _stream?: Partial<OwnStream> })._stream ?? {};
  return errored !== undefined && errored !== null;
}

/** Whether a stream or a queue of the transport's own still holds something. */
export function hasUnwritten(transport: Transport): boolean {
  const { queue } = transport as { queue?: unknown };
  const inQueue = Array.isArray(queue) && queue.length > 0;
  return (
    inQueue ||
    streamsOf(transport).some(
      (stream) =>
        // Of a socket, what it received and nobody reads does not count.
        stream.writableLength + (stream._transform === undefined ? 0 : (stream.readableLength ?? 0)) > 0,
    )
  );
}
