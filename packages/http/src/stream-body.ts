import { type Exchange, hasBody, middlewareErrors } from '@ent/middleware';
import { type RouteBody, routeBody } from './body.ts';
import { httpErrors } from './errors.ts';
import { isMediaRange } from './internal/media-type.ts';
import type { SentStream } from './sent-bodies.ts';

/**
 * The body of a route as it arrives: nothing of it is kept, and who does not read on makes the client wait. The bytes
 * are counted while they arrive, up to the `maxBodyBytes` of the route.
 *
 * The handler gets `undefined` for a request without a body. What it does not read is thrown away.
 *
 * @param types media types that are taken, such as `application/x-ndjson` or `image/*`; another one is 415
 * @throws `http.invalid_options` without a media type. While it is read: `middleware.body_too_large` (413),
 *   `middleware.request_aborted`
 * @example
 * ```ts
 * import { createWriteStream } from 'node:fs';
 * import { pipeline } from 'node:stream/promises';
 * import { route, streamBody } from '@ent/http';
 *
 * const putPicture = route({
 *   method: 'PUT',
 *   path: '/picture',
 *   body: streamBody('image/*'),
 *   maxBodyBytes: 50_000_000,
 *   responses: { 204: {} },
 *   handler: async ({ body }) => {
 *     if (body !== undefined) await pipeline(body, createWriteStream('./picture'));
 *   },
 * });
 * ```
 */
export function streamBody<const Types extends readonly string[]>(
  ...types: Types
): RouteBody<AsyncIterable<Uint8Array> | undefined, SentStream<Types[number]>> {
  if (types.length === 0 || !types.every(isMediaRange)) {
    throw httpErrors.invalid_options('streamBody takes media types, such as "application/octet-stream" or "image/*".');
  }
  const wanted = types.map((type) => type.toLowerCase());
  const takes = (type: string): boolean =>
    wanted.some((each) => (each.endsWith('/*') ? type.startsWith(each.slice(0, -1)) : each === type));
  return routeBody({
    compile: ({ maxBytes }) => ({
      read(exchange, use) {
        if (!hasBody(exchange)) return use(undefined);
        demandPlain(exchange);
        const [type = ''] = (exchange.header('content-type') ?? '').split(';', 1);
        if (takes(type.trim().toLowerCase())) return use(exchange.stream(maxBytes));
        const accept = types.join(', ');
        throw middlewareErrors.unsupported_media_type(`Send the body as ${accept}.`, { headers: { accept } });
      },
    }),
    document: { required: false, content: Object.fromEntries(wanted.map((type) => [type, {}])) },
  });
}

/** What is compressed would be other bytes than those that were asked for. */
function demandPlain(exchange: Exchange): void {
  const coding = exchange.header('content-encoding');
  if (coding === undefined || coding.trim().toLowerCase() === 'identity') return;
  throw middlewareErrors.unsupported_media_type('Send the body without content encoding.', {
    headers: { 'accept-encoding': 'identity' },
  });
}
