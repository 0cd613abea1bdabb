import type { DriverFailure } from '../../driver.ts';

/** What this driver finds wrong by itself. */
export class RabbitmqError extends Error {
  readonly failure: DriverFailure;

  constructor(failure: DriverFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RabbitmqError';
    this.failure = failure;
  }
}

/** By the reply codes of AMQP 0-9-1, section 1.2, and RabbitMQ's own use of them. */
const BY_CODE: Readonly<Record<number, DriverFailure>> = {
  311: 'refused', // content too large
  320: 'lost', // an operator closed the connection; the broker stops
  402: 'refused', // no such virtual host
  403: 'refused', // no permission, a reserved name
  404: 'lost', // no such exchange or queue: it is made again
  405: 'refused', // another connection's exclusive queue
  406: 'refused', // other arguments than those of what is there
  501: 'lost',
  504: 'lost',
  505: 'lost',
  506: 'unavailable', // out of resources
  530: 'refused', // no such virtual host, too many connections
  540: 'refused',
  541: 'lost', // the broker's own fault, such as a queue without a leader
};

/** For what amqplib gives no code: a refused login, and all that happens to a connection or channel that is gone. */
const BY_TEXT: readonly (readonly [RegExp, DriverFailure])[] = [
  [/^Handshake terminated by server: (?:403|530)|Expected ConnectionOpenOk/, 'refused'],
  [/ETIMEDOUT|Handshake terminated|handshake|no buffer space/i, 'unavailable'],
  [/closed|closing|ended|heartbeat|unexpected close|reset/i, 'lost'],
];

export function classify(error: unknown): DriverFailure {
  if (error instanceof RabbitmqError) return error.failure;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'number') return BY_CODE[code] ?? 'other';
  if (typeof code === 'string') return /CERT|TLS|SSL|SELF_SIGNED|ERR_INVALID/.test(code) ? 'refused' : 'unavailable';
  const text = typeof message === 'string' ? message : '';
  return BY_TEXT.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}
