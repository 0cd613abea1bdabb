import { EntError } from '@ent/errors';
import { durationOption, exponentialBackoff, pause, startTimer, type Timer } from '@ent/internal';
import type { ClientEvent } from '../client-types.ts';
import { httpErrors } from '../errors.ts';
import { demandCount } from './demand.ts';
import { EventParser, type ParsedEvent } from './event-parser.ts';

/** How events are listened to, checked. */
export interface Listening {
  readonly name: string;
  readonly lastEventId: string;
  readonly retryMs: number;
  readonly retries: number;
  readonly idleMs: number;
  readonly isText: boolean;
  readonly maxEventBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** Asks for the stream; `undefined` where there is nothing more. */
export type Connect = (lastEventId: string, signal: AbortSignal) => Promise<ReadableStream<Uint8Array> | undefined>;

/** The options that only a listener has. */
export const EVENTS_OPTIONS = { lastEventId: true, retry: true, retries: true, idle: true, data: true } as const;

type Given = { readonly [Name in keyof typeof EVENTS_OPTIONS]?: unknown } & { readonly signal?: unknown };

/** @throws `http.invalid_options` */
export function listeningOf(call: Given, name: string, maxEventBytes: number): Listening {
  const { invalid_options: fail } = httpErrors;
  const { lastEventId = '', retry = '3s', retries = Infinity, idle = '60s', data, signal } = call;
  if (typeof lastEventId !== 'string' || /[\r\n\0]/.test(lastEventId)) {
    throw fail(`${name}: lastEventId must be the id of an event.`);
  }
  if (data !== undefined && data !== 'text') throw fail(`${name}: data must be "text", or left out for JSON.`);
  if (retries !== Infinity) demandCount(retries, `${name}: retries`);
  return {
    name,
    lastEventId,
    retryMs: durationOption(retry as string, `${name}: retry`, fail),
    retries: retries as number,
    idleMs: durationOption(idle as string, `${name}: idle`, fail),
    isText: data === 'text',
    maxEventBytes,
    signal: signal as AbortSignal | undefined,
  };
}

/** Listens, and connects again where a connection ends, as `EventSource` does. */
export async function* listen(
  { retryMs, retries, signal, ...how }: Listening,
  connect: Connect,
): AsyncGenerator<ClientEvent<unknown>, void, undefined> {
  let [id, waitMs, failures] = [how.lastEventId, retryMs, 0];
  for (;;) {
    signal?.throwIfAborted();
    const connection = new Connection(how, signal);
    let laterMs: number | undefined;
    try {
      const parser = new EventParser(id, how.maxEventBytes);
      const stream = await connect(id, connection.signal);
      if (stream === undefined) return;
      failures = 0;
      for await (const events of connection.read(stream, parser)) {
        for (const event of events) {
          id = event.id;
          yield { ...event, data: how.isText ? event.data : dataOf(event, how.name) };
        }
        // An event without data may have said an id, too.
        [id, waitMs] = [parser.id, parser.retryMs ?? waitMs];
      }
    } catch (error) {
      signal?.throwIfAborted();
      failures++;
      if (!mayPass(error) || failures > retries) throw error;
      laterMs = error.retryAfterMs;
    } finally {
      connection.end();
    }
    // Half of it is left to chance: an instance that stops sends all its listeners away at once.
    const backoff = exponentialBackoff({ baseMs: waitMs, maxMs: Math.max(waitMs, LONGEST_WAIT_MS), jitter: 0.5 });
    await pause(laterMs ?? (failures === 0 ? waitMs : backoff(failures)), signal);
  }
}

const LONGEST_WAIT_MS = 30_000;

/** Whether another try may have another end: a connection that was lost, a service or proxy that is not there now. */
function mayPass(error: unknown): error is EntError {
  if (!EntError.is(error)) return false;
  const { status } = (error.details ?? {}) as { readonly status?: unknown };
  return error.retryable !== 'never' || (error.code === 'http.unexpected_answer' && Number(status) > 501);
}

function dataOf({ data }: ParsedEvent, name: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch (cause) {
    throw httpErrors.unexpected_answer(`${name} gave an event whose data is no JSON; for text, say data: "text".`, {
      cause,
      details: { status: 200 },
    });
  }
}

/** One connection of a listener, which is over when nothing comes any more. */
class Connection {
  readonly #controller = new AbortController();
  readonly #how: Omit<Listening, 'retryMs' | 'retries' | 'signal'>;
  readonly #forget: () => void;
  #silence: Timer | undefined;

  constructor(how: Omit<Listening, 'retryMs' | 'retries' | 'signal'>, signal: AbortSignal | undefined) {
    this.#how = how;
    const stop = (): void => this.#controller.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    this.#forget = () => signal?.removeEventListener('abort', stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async *read(stream: ReadableStream<Uint8Array>, parser: EventParser): AsyncGenerator<ParsedEvent[], void, undefined> {
    const { name, idleMs, maxEventBytes } = this.#how;
    const reader = stream.getReader();
    for (;;) {
      this.#silence = startTimer(idleMs, () =>
        this.#controller.abort(httpErrors.unreachable(`${name} has said nothing for ${idleMs} ms.`)),
      );
      const next = await reader.read();
      this.#silence.cancel();
      if (next.done) return;
      yield parser.push(next.value);
      if (!parser.isTooLong) continue;
      throw httpErrors.unexpected_answer(`${name} gave an event of more than ${maxEventBytes} characters.`);
    }
  }

  /** Lets go of the connection, if it is still there. */
  end(): void {
    this.#silence?.cancel();
    this.#forget();
    this.#controller.abort();
  }
}
