import { EntError } from '@ent/errors';
import { middlewareErrors } from '../errors.ts';

type Meaning = readonly [make: (message: string, options: { readonly cause: unknown }) => Error, message?: string];

const LARGE: Meaning = [middlewareErrors.body_too_large];
const UNPARSABLE: Meaning = [middlewareErrors.body_unparsable];
const OTHER: Meaning = [
  middlewareErrors.unsupported_media_type,
  'Send the body with a content type, charset and encoding that are taken here.',
];

/** Of co-body, which Koa's parsers use: it has the body at hand, and neither a code nor a word on who may read it. */
const NOT_AS_SAID: Meaning = [middlewareErrors.body_unparsable, 'The body is not what its content type says.'];

/** By the `code` of Fastify's errors, and the `type` of those of body-parser, and of raw-body in Koa's parsers. */
const MEANINGS: ReadonlyMap<unknown, Meaning> = new Map<unknown, Meaning>([
  ['FST_ERR_CTP_BODY_TOO_LARGE', LARGE],
  ['entity.too.large', LARGE],
  ['parameters.too.many', LARGE],
  ['FST_ERR_CTP_EMPTY_JSON_BODY', UNPARSABLE],
  ['FST_ERR_CTP_INVALID_JSON_BODY', UNPARSABLE],
  ['entity.parse.failed', UNPARSABLE],
  ['FST_ERR_CTP_INVALID_MEDIA_TYPE', OTHER],
  ['charset.unsupported', OTHER],
  ['encoding.unsupported', OTHER],
]);

/**
 * What the parser of a framework refused, as our own readers say it: clients have one code for it, whichever reads.
 * Anything else stays what it is.
 */
export function ofParser(error: unknown): unknown {
  if (!(error instanceof Error) || EntError.is(error)) return error;
  const { code, type, status, body } = error as Error & Readonly<Record<string, unknown>>;
  const ofKoa = status === 400 && typeof body === 'string' ? NOT_AS_SAID : undefined;
  const [make, message = error.message] = MEANINGS.get(code) ?? MEANINGS.get(type) ?? ofKoa ?? [];
  return make === undefined ? error : make(message, { cause: error });
}
