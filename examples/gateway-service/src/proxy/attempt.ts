import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { gatewayErrors } from '../errors.ts';
import type { Deadline } from './deadline.ts';
import { type FlatHeaders, responseHeaders } from './headers.ts';
import type { Target } from './target.ts';

/** Where an answer goes as it comes. */
export interface Sink {
  /** 103 and other heads before the head. */
  information(status: number, headers: FlatHeaders): void;
  /** `false`: this answer is not wanted, the call is tried again or answered by another means. */
  head(status: number, headers: FlatHeaders): boolean;
  /** `false`: nothing more before {@link Sink.onDrain}. */
  data(chunk: Buffer): boolean;
  end(trailers: FlatHeaders): void;
  /** The answer cannot be completed. */
  cut(): void;
  onDrain(resume: () => void): void;
}

/** A request as it is sent to an instance. */
export interface Outgoing {
  readonly path: string;
  readonly method: string;
  readonly headers: FlatHeaders;
  readonly body: Readable | AsyncIterable<Uint8Array> | Uint8Array | null;
  /** The connection that the request came by. */
  readonly client: Socket;
}

/** How an attempt ended, when it did not fail before the head. */
export type Ending = 'complete' | 'cut' | 'unwanted';

/** Answers of an instance that say nothing of the request, but of the instance or what is behind it. */
export const UNHEALTHY: ReadonlySet<number> = new Set([502, 503, 504]);

/** What undici says of a request that it cannot send as it is. */
const UNSENDABLE: ReadonlySet<unknown> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

/** An attempt failed before there was a head. */
export class AttemptFailed extends Error {
  override readonly name = 'AttemptFailed';
  /** The request did not leave: whatever it does, it was not done. */
  readonly unsent: boolean;
  /** It is the client's doing, and would fail at each instance. */
  readonly ofClient: boolean;

  constructor(cause: Error, unsent: boolean, ofClient: boolean) {
    super(cause.message, { cause });
    this.unsent = unsent;
    this.ofClient = ofClient;
  }
}

/**
 * Sends a request to an instance and hands its answer on as it comes, one chunk at a time: what the client does not
 * take is not read.
 *
 * @param deadline ends it: the client is gone, or the deadline is over
 * @throws {AttemptFailed} before there was a head; the reason of `deadline` when it ended the attempt before
 */
export function attempt(target: Target, outgoing: Outgoing, sink: Sink, deadline: Deadline): Promise<Ending> {
  return new Promise((resolve, reject) => {
    target.begin();
    const { client, ...request } = outgoing;
    const handler = new AnswerHandler(target, client, sink, deadline, resolve, reject);
    target.pool.dispatch({ ...request, headersTimeout: 0 } as Dispatcher.DispatchOptions, handler);
  });
}

class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #target: Target;
  readonly #client: Socket;
  readonly #sink: Sink;
  readonly #deadline: Deadline;
  readonly #resolve: (ending: Ending) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #started = false;
  #healthy = true;
  #unwanted = false;
  #over = false;

  constructor(
    target: Target,
    client: Socket,
    sink: Sink,
    deadline: Deadline,
    resolve: (ending: Ending) => void,
    reject: (error: unknown) => void,
  ) {
    this.#target = target;
    this.#client = client;
    this.#sink = sink;
    this.#deadline = deadline;
    this.#resolve = resolve;
    this.#reject = reject;
    deadline.onEnd = () => this.#abort();
  }

  #abort(): void {
    if (this.#controller !== undefined) this.#controller.abort(this.#deadline.reason as Error);
    // It waits for a connection still, and is thrown away when it gets one.
    else if (this.#end(this.#deadline.isLate ? false : undefined)) this.#reject(this.#deadline.reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(this.#deadline.reason as Error);
    else this.#sink.onDrain(() => controller.resume());
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const headers = responseHeaders((controller.rawHeaders ?? []) as (string | Buffer)[]);
    if (status < 200) {
      this.#sink.information(status, headers);
      return;
    }
    this.#healthy = !UNHEALTHY.has(status);
    if (!this.#sink.head(status, headers)) {
      this.#unwanted = true;
      controller.abort(new Error('another answer is given'));
      return;
    }
    this.#started = true;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#sink.data(chunk)) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (!this.#end(this.#healthy)) return;
    const trailers = (controller.rawTrailers ?? []) as (string | Buffer)[];
    this.#sink.end(trailers.map(String));
    this.#resolve('complete');
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    const aborted = this.#deadline.reason !== undefined;
    const ofClient = this.#client.destroyed || isOfRequest(error);
    if (!this.#end(this.#verdict(ofClient || (aborted && !this.#deadline.isLate)))) return;
    if (this.#unwanted) {
      this.#resolve('unwanted');
    } else if (this.#started) {
      this.#sink.cut();
      this.#resolve('cut');
    } else if (aborted) {
      this.#reject(this.#deadline.reason);
    } else {
      this.#reject(new AttemptFailed(error, this.#controller === undefined, ofClient));
    }
  }

  /** Whether the instance did well; undefined where its client ended the call before that could be seen. */
  #verdict(endedByClient: boolean): boolean | undefined {
    if (this.#unwanted) return this.#healthy;
    if (!endedByClient) return false;
    return this.#started ? this.#healthy : undefined;
  }

  #end(healthy: boolean | undefined): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#deadline.onEnd = undefined;
    this.#target.end(healthy);
    return true;
  }
}

/** Whether the request was to blame: nobody leaves an instance out by sending nonsense to it. */
function isOfRequest(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return UNSENDABLE.has(code) || code === gatewayErrors.body_too_large.code;
}
