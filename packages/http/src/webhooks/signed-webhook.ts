import { createHmac, timingSafeEqual } from 'node:crypto';
import { durationOption, refuseUnknown } from '@ent/internal';
import { DEFAULT_MAX_BODY_BYTES, type Exchange } from '@ent/middleware';
import type { BearerAuthenticator } from '../bearer.ts';
import { httpErrors } from '../errors.ts';
import { demandCount, demandFunction, demandList } from '../internal/demand.ts';
import type { Duration } from '../options.ts';
import { readScheme, type SignedParts, type WebhookScheme } from './schemes.ts';

/** How {@link signedWebhook} verifies. */
export interface SignedWebhookOptions {
  /** How the sender signs: `standardWebhooks`, `githubWebhooks`, `stripeWebhooks`, or data of your own. */
  readonly scheme: WebhookScheme;
  /**
   * The secrets that are shared with the sender, of 16 bytes at least. Each is tried: to change one, add the new one
   * before the sender uses it, and take the old one out afterwards.
   */
  readonly secrets: readonly string[];
  /** How far from now the time of sending may be, in either direction. Default: `"5m"`. */
  readonly tolerance?: Duration | undefined;
  /** Most bytes of the body. Default: 1 MiB. */
  readonly maxBytes?: number | undefined;
  /** For tests: milliseconds since 1970. Default: `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** What is known of a delivery whose signature is good. */
export interface SignedDelivery {
  /** The id of the delivery, where the scheme has one. */
  readonly id: string | undefined;
  /** When it was sent, where the scheme says it. */
  readonly sentAt: Date | undefined;
}

const OPTIONS = { scheme: true, secrets: true, tolerance: true, maxBytes: true, now: true } as const;
const LEAST_SECRET_BYTES = 16;
/** Signatures of one delivery: a sender that changes its secret sends two. */
const MOST_SIGNATURES = 10;
const SECONDS = /^\d{1,11}$/;

/**
 * An {@link Authenticator} for webhooks: the signature of the sender is over the very bytes of the body, so these are
 * read first, and verified before anybody parses them. The body of the route is then read as ever.
 *
 * Signatures are HMAC-SHA-256, compared in constant time. A delivery can be sent again by whoever saw it as long as its
 * time is within `tolerance`: `deliverOnce()` is against that, and against the sender's own second attempts.
 *
 * @throws `http.invalid_options`. As the `auth` of a route, with 401: `http.webhook_unsigned` without the headers of
 *   the scheme, `http.webhook_forged` where no signature is of a secret, `http.webhook_expired`; and
 *   `middleware.body_too_large`
 * @example
 * ```ts
 * import { route } from '@ent/http';
 * import { signedWebhook, standardWebhooks } from '@ent/http/webhooks';
 * import { z } from 'zod';
 *
 * const paid = route({
 *   method: 'POST',
 *   path: '/webhooks/payments',
 *   auth: signedWebhook({ scheme: standardWebhooks, secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] }),
 *   body: z.looseObject({ type: z.string() }),
 *   responses: { 204: {} },
 *   handler: ({ body, principal }) => console.log(principal.id, body.type),
 * });
 * ```
 */
export function signedWebhook(options: SignedWebhookOptions): BearerAuthenticator<SignedDelivery> {
  refuseUnknown(options, OPTIONS, 'signedWebhook', httpErrors.invalid_options);
  const { scheme, secrets, maxBytes = DEFAULT_MAX_BODY_BYTES, now = Date.now } = options;
  const parts = readScheme(scheme);
  const keys = keysOf(secrets, scheme.secretPrefix);
  const toleranceMs = durationOption(options.tolerance ?? '5m', 'signedWebhook: tolerance', httpErrors.invalid_options);
  demandCount(maxBytes, 'signedWebhook: maxBytes');
  demandFunction(now, 'signedWebhook: now');

  const authenticate = async (exchange: Exchange): Promise<SignedDelivery> => {
    const id = scheme.id === undefined ? undefined : exchange.header(scheme.id);
    const timestamp = timestampOf(exchange, scheme);
    const given = signaturesOf(exchange, scheme);
    const head = headOf(parts, { id, timestamp });
    const unsigned =
      given.length === 0 || head === undefined || (scheme.timestamp !== undefined && timestamp === undefined);
    if (unsigned) throw refusal('webhook_unsigned', 'The headers that sign a webhook are missing, or are none.');
    const body = await exchange.bytes(maxBytes);
    const expected = keys.map((key) =>
      createHmac('sha256', key).update(head).update(body).digest(scheme.signature.encoding),
    );
    if (!expected.some((each) => given.some((one) => isSame(each, one)))) {
      throw refusal('webhook_forged', 'No signature of the webhook is of a secret that is known here.');
    }
    const sentMs = timestamp === undefined ? undefined : Number(timestamp) * 1000;
    if (sentMs !== undefined && Math.abs(now() - sentMs) > toleranceMs) {
      throw refusal('webhook_expired', 'The webhook was sent too long ago, or the clocks differ.');
    }
    return { id, sentAt: sentMs === undefined ? undefined : new Date(sentMs) };
  };
  return Object.assign(authenticate, {
    securitySchemes: { webhookSignature: { type: 'apiKey', in: 'header', name: scheme.signature.header } },
  });
}

function keysOf(secrets: readonly string[], prefix: string | undefined): Buffer[] {
  demandList(secrets, 'signedWebhook: secrets');
  const keys = secrets.map((secret) => {
    if (typeof secret !== 'string') return Buffer.alloc(0);
    if (prefix === undefined) return Buffer.from(secret);
    const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : secret;
    const key = Buffer.from(text, 'base64');
    // What is no base64 would be read up to where it is none.
    return key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? key : Buffer.alloc(0);
  });
  if (keys.length > 0 && keys.every((key) => key.byteLength >= LEAST_SECRET_BYTES)) return keys;
  throw httpErrors.invalid_options(
    `signedWebhook: secrets must be a list of texts of at least ${LEAST_SECRET_BYTES} bytes${prefix === undefined ? '' : ', in base64'}.`,
  );
}

function timestampOf(exchange: Exchange, { timestamp, signature }: WebhookScheme): string | undefined {
  if (timestamp === undefined) return undefined;
  const { header, prefix } = timestamp;
  const value = exchange.header(header);
  const text =
    prefix === undefined
      ? value
      : partsOf(value, signature.separator)
          .find((part) => part.startsWith(prefix))
          ?.slice(prefix.length);
  return text !== undefined && SECONDS.test(text) ? text : undefined;
}

function signaturesOf(exchange: Exchange, { signature }: WebhookScheme): string[] {
  return partsOf(exchange.header(signature.header), signature.separator)
    .filter((part) => part.startsWith(signature.prefix))
    .slice(0, MOST_SIGNATURES)
    .map((part) => part.slice(signature.prefix.length));
}

function partsOf(value: string | undefined, separator: string | undefined): string[] {
  if (value === undefined) return [];
  return separator === undefined ? [value] : value.split(separator).map((part) => part.trim());
}

/** What is signed before the body; `undefined` where a part of it did not come. */
function headOf(
  parts: SignedParts,
  values: { id: string | undefined; timestamp: string | undefined },
): Buffer | undefined {
  let head = '';
  for (const part of parts) {
    const text = typeof part === 'string' ? part : values[part.place];
    if (text === undefined || (text === '' && typeof part !== 'string')) return undefined;
    head += text;
  }
  // Headers come as a character a byte.
  return Buffer.from(head, 'latin1');
}

function isSame(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function refusal(code: 'webhook_unsigned' | 'webhook_forged' | 'webhook_expired', detail: string): Error {
  return httpErrors[code](detail, { headers: { 'www-authenticate': 'Signature' } });
}
