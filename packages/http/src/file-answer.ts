import type { Reply } from '@ent/middleware';
import { type RouteAnswer, routeAnswer } from './answer.ts';
import { httpErrors } from './errors.ts';
import { isMediaType } from './internal/media-type.ts';

/**
 * A file as the 200 of a route: the handler gives what `fileReply()` of `@ent/middleware/static` gives, with its type,
 * ETag, conditional requests and one range of bytes (206, 416); `undefined` is a 404.
 *
 * @param contentType for the document; what is sent goes by the name of the file. Default: `application/octet-stream`
 * @throws `http.invalid_options` for what is no media type. As the answer of a route: `http.file_not_found` (404)
 * @example
 * ```ts no-run
 * import { fileAnswer, route } from '@ent/http';
 * import { fileReply } from '@ent/middleware/static';
 *
 * const invoice = route({
 *   method: 'GET',
 *   path: '/invoices/:id',
 *   responses: { 200: fileAnswer('application/pdf') },
 *   handler: ({ params, exchange }) => fileReply(exchange, './invoices', `${params.id}.pdf`),
 * });
 * ```
 */
export function fileAnswer(contentType = 'application/octet-stream'): RouteAnswer<Reply | undefined> {
  if (!isMediaType(contentType)) {
    throw httpErrors.invalid_options('fileAnswer takes a media type, such as "application/pdf".');
  }
  const content = { [contentType]: {} };
  return routeAnswer({
    compile(name, status) {
      if (status !== 200) throw httpErrors.invalid_route(`${name}: a file is the 200 of a route, not the ${status}.`);
      return {
        reply(file, _exchange, headers) {
          if (file === undefined) throw httpErrors.file_not_found('There is no such file.');
          if (typeof (file as Partial<Reply> | null)?.status === 'number') {
            return headers === undefined ? file : { ...file, headers: { ...file.headers, ...headers } };
          }
          throw httpErrors.response_invalid(`${name} gave something else than fileReply() gives.`);
        },
      };
    },
    document: {
      content,
      headers: { etag: 'The version of the file', 'last-modified': 'When it was changed' },
      problems: [404, 412, 416],
      others: {
        206: { content, headers: { 'content-range': 'Which bytes of the file these are' } },
        304: { content: {} },
      },
    },
  });
}
