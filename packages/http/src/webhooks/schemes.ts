import { kindOf, refuseUnknown } from '@ent/internal';
import { httpErrors } from '../errors.ts';

/** How a sender signs its webhooks: HMAC-SHA-256, and what is different from one to the next, as data. */
export interface WebhookScheme {
  /** Where signatures stand: in a header, several of them with `separator` in between, each behind `prefix`. */
  readonly signature: {
    readonly header: string;
    readonly separator?: string | undefined;
    readonly prefix: string;
    readonly encoding: 'hex' | 'base64';
  };
  /** Where the time of sending stands, in seconds since 1970. A `prefix` says that it is a part of its header. */
  readonly timestamp?: { readonly header: string; readonly prefix?: string | undefined } | undefined;
  /** The header with the id of the delivery, the same at each attempt. */
  readonly id?: string | undefined;
  /** What is signed, with `{id}`, `{timestamp}`, and `{body}` at its end. */
  readonly signed: string;
  /** What stands before a secret that is written in base64. Without it, the secret is text. */
  readonly secretPrefix?: string | undefined;
}

/** Standard Webhooks (https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp`, `webhook-signature`. */
export const standardWebhooks: WebhookScheme = {
  signature: { header: 'webhook-signature', separator: ' ', prefix: 'v1,', encoding: 'base64' },
  timestamp: { header: 'webhook-timestamp' },
  id: 'webhook-id',
  signed: '{id}.{timestamp}.{body}',
  secretPrefix: 'whsec_',
};

/**
 * Those of GitHub and of who follows it: `X-Hub-Signature-256`. Neither the time nor the id is signed, so that only the
 * id of the delivery, which whoever replays can change, tells that it came before.
 */
export const githubWebhooks: WebhookScheme = {
  signature: { header: 'x-hub-signature-256', prefix: 'sha256=', encoding: 'hex' },
  id: 'x-github-delivery',
  signed: '{body}',
};

/** Those of Stripe: `Stripe-Signature: t=...,v1=...`. The id of an event is in its body. */
export const stripeWebhooks: WebhookScheme = {
  signature: { header: 'stripe-signature', separator: ',', prefix: 'v1=', encoding: 'hex' },
  timestamp: { header: 'stripe-signature', prefix: 't=' },
  signed: '{timestamp}.{body}',
};

const FIELDS = { signature: true, timestamp: true, id: true, signed: true, secretPrefix: true } as const;
const PLACE = /\{(id|timestamp|body)\}/;

/** What of a signed text stands before the body: texts, and names of what is put in their place. */
export type SignedParts = readonly (string | { readonly place: 'id' | 'timestamp' })[];

/** Refuses what is no scheme, and takes apart what is signed. */
export function readScheme(scheme: WebhookScheme): SignedParts {
  refuseUnknown(scheme, FIELDS, 'signedWebhook: the scheme', httpErrors.invalid_options);
  const { signature, timestamp, id, signed, secretPrefix } = scheme;
  const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';
  const holds =
    typeof signature === 'object' &&
    [signature.header, signature.prefix, signed].every((each) => typeof each === 'string') &&
    [signature.separator, id, secretPrefix].every(isText) &&
    ['hex', 'base64'].includes(signature.encoding) &&
    (timestamp === undefined || (typeof timestamp === 'object' && typeof timestamp.header === 'string'));
  if (!holds || !signed.endsWith('{body}')) {
    throw httpErrors.invalid_options(
      `signedWebhook: the scheme says in which header the signature is, and what is signed, ending in {body}; got ${kindOf(scheme)}.`,
    );
  }
  // Places stand at each second one.
  const parts = signed.split(PLACE).map((part, at) => (at % 2 === 0 ? part : { place: part }));
  const before = parts.slice(0, -2);
  for (const part of before) {
    if (typeof part === 'string') continue;
    if (part.place === 'body' || scheme[part.place as 'id' | 'timestamp'] === undefined) {
      throw httpErrors.invalid_options(
        `signedWebhook: {${part.place}} is signed, and the scheme says not where it is.`,
      );
    }
  }
  return before as SignedParts;
}
