import type { Readable } from 'node:stream';
import type { NodeExchange } from '@ent/middleware/node';
import { gatewayErrors } from '../errors.ts';
import { AttemptFailed, attempt, type Ending, type Outgoing, type Sink, UNHEALTHY } from './attempt.ts';
import { Deadline } from './deadline.ts';
import { requestHeaders } from './headers.ts';
import type { Service } from './service.ts';
import type { Target } from './target.ts';

/** What may happen to a call on its way. */
export interface Limits {
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  readonly retries: number;
}

/** Methods that do no harm twice (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/**
 * Sends a call to a service and its answer to `sinkOf(unwanted)`: to one instance, and to another one where the first
 * fails and a second time does no harm.
 *
 * It is tried again when it did not leave, whatever it is; when its method is idempotent and it has no body, also when
 * the connection is lost before the head, or the answer is 502, 503 or 504. The service's budget has to allow it.
 *
 * @param extra headers that are added, such as those of a revalidation
 * @throws `gateway.timed_out`, `gateway.bad_gateway`, `gateway.service_unavailable`, `gateway.body_too_large`
 */
export async function forward(
  exchange: NodeExchange,
  service: Service,
  limits: Limits,
  identity: string | undefined,
  sinkOf: (unwanted: (status: number) => boolean) => Sink,
  extra: readonly string[] = [],
): Promise<Ending> {
  // It may refuse the call, and then there is nothing to wait for.
  const body = bodyOf(exchange, limits.maxBodyBytes);
  const deadline = new Deadline(exchange, limits.timeoutMs);
  const isWhole = body === null || body instanceof Uint8Array;
  const harmless = body === null && IDEMPOTENT.has(exchange.method);
  const client = exchange.req.socket;
  const tried: Target[] = [];
  service.retries.earn();
  try {
    for (;;) {
      const again = (): boolean => tried.length <= limits.retries && service.retries.spend();
      const target = service.choose(tried);
      tried.push(target);
      const headers = requestHeaders(exchange, { identity, timeoutMs: deadline.left() });
      headers.push(...extra);
      const outgoing: Outgoing = {
        path: exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`,
        method: exchange.method,
        headers,
        body,
        client,
      };
      const began = performance.now();
      // How long a body takes to come is the client's doing.
      const time = (): void => {
        if (isWhole) service.took(target, performance.now() - began);
      };
      let repeats = false;
      const unwanted = (status: number): boolean => {
        // One that fails at once is not quick.
        if (!UNHEALTHY.has(status)) time();
        repeats = harmless && UNHEALTHY.has(status) && again();
        if (repeats) return true;
        // A stream may go on for as long as it likes.
        deadline.stop();
        return false;
      };
      try {
        const ending = await attempt(target, outgoing, sinkOf(unwanted), deadline);
        if (!repeats) return ending;
      } catch (error) {
        if (deadline.isLate) time();
        if (!(error instanceof AttemptFailed)) throw error;
        const repeatable = harmless || (error.unsent && (isWhole || !exchange.req.readableDidRead));
        if (error.ofClient || !repeatable || !again()) throw failure(service, error);
      }
    }
  } finally {
    deadline.stop();
  }
}

function failure(service: Service, { cause, ofClient }: AttemptFailed): Error {
  // The limit of the body is ours, and came out of the attempt that read it.
  if ((cause as { code?: unknown }).code === gatewayErrors.body_too_large.code) return cause as Error;
  if (ofClient) return gatewayErrors.unsendable('The request cannot be sent on as it is.', { cause });
  const message = `An instance of ${service.name} could not be reached, or gave no answer.`;
  return gatewayErrors.bad_gateway(message, { cause });
}

/** The body as it arrives, counted where its length is not said; whole, where it came along with its head. */
function bodyOf(exchange: NodeExchange, max: number): Outgoing['body'] {
  const { req } = exchange;
  const length = req.headers['content-length'];
  if (req.headers['transfer-encoding'] === undefined) {
    if (length === undefined || length === '0') return null;
    if (Number(length) > max) throw tooLarge(max);
    // Bytes go out in one write with the head. To read a stream for them takes a quarter of the call.
    return req.readableLength === Number(length) ? (req.read() as Buffer) : req;
  }
  return counted(req, max);
}

async function* counted(body: Readable, max: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > max) throw tooLarge(max);
    yield chunk;
  }
}

function tooLarge(max: number): Error {
  return gatewayErrors.body_too_large(`The body may have at most ${max} bytes.`);
}
