import { GrowingBytes } from '@ent/internal';
import { hasBody } from '@ent/middleware';
import { type MultipartFile, readMultipart } from '@ent/middleware/multipart';
import type { $ZodType, output } from 'zod/v4/core';
import { type RouteBody, routeBody } from './body.ts';
import { demanding } from './internal/body.ts';
import { demandFields } from './internal/demand.ts';
import { documentOf, multipartLimits, refuseUnsayablePart } from './internal/multipart.ts';
import { compileReader } from './internal/parser.ts';
import { fieldsOf, listFields, recordOf } from './internal/query.ts';
import type { SentMultipart } from './sent-bodies.ts';

/** Limits of {@link multipartBody} and `multipartParts()`; that of all bytes is the `maxBodyBytes` of the route. */
export interface MultipartBodyOptions {
  /** Most files. Default: 10. */
  readonly maxFiles?: number | undefined;
  /** Most fields. Default: 100. */
  readonly maxFields?: number | undefined;
  /** Most bytes of the value of a field. Default: 64 KiB. */
  readonly maxFieldBytes?: number | undefined;
}

/**
 * The body of a route as `multipart/form-data`, whole: fields as those of {@link formBody}, and files as `File`s, kept
 * in memory up to the `maxBodyBytes` of the route. For more than fits there, `multipartParts()`.
 *
 * The name and the type of a file are what the client says: a type that `mime()` takes is no promise about its bytes. A
 * file that was not chosen, which browsers send without a name and empty, is absent.
 *
 * @param schema an object with the fields of the form, those of files by `z.file()`, with `.max()` bytes and `.mime()`
 * @throws `http.invalid_options`. As the body of a route: `middleware.unsupported_media_type` (415),
 *   `middleware.body_too_large` (413), `middleware.body_unparsable` (400), `http.invalid_request` (422)
 * @example
 * ```ts
 * import { route } from '@ent/http';
 * import { multipartBody } from '@ent/http/multipart';
 * import { z } from 'zod';
 *
 * const setAvatar = route({
 *   method: 'PUT',
 *   path: '/avatar',
 *   body: multipartBody(z.object({ alt: z.string(), image: z.file().max(500_000).mime(['image/png', 'image/webp']) })),
 *   responses: { 200: z.object({ bytes: z.int() }) },
 *   handler: async ({ body }) => ({ bytes: (await body.image.bytes()).byteLength }),
 * });
 * ```
 */
export function multipartBody<Schema extends $ZodType>(
  schema: Schema,
  options: MultipartBodyOptions = {},
): RouteBody<output<Schema>, SentMultipart<Schema>> {
  demandFields(schema, 'multipartBody');
  const limits = multipartLimits(options, 'multipartBody');
  return routeBody({
    compile({ name, maxBytes }) {
      refuseUnsayablePart(schema, `${name}: the schema of body`);
      const lists = listFields(schema);
      const known = new Set(Object.keys(fieldsOf(schema)));
      return {
        read: async (exchange, use) => {
          const parts = hasBody(exchange) ? await partsOf(readMultipart(exchange, { ...limits, maxBytes }), known) : [];
          return use(hasBody(exchange) ? recordOf(parts, lists) : undefined);
        },
        parse: demanding(schema, compileReader(schema, true)),
      };
    },
    document: documentOf(schema),
  });
}

type Parts = ReturnType<typeof readMultipart>;

async function partsOf(parts: Parts, known: ReadonlySet<string>): Promise<[name: string, value: unknown][]> {
  const found: [string, unknown][] = [];
  for await (const part of parts) {
    if (part.kind === 'field') found.push([part.name, part.value]);
    // One that is refused for its name need not be kept.
    else if (!known.has(part.name)) found.push([part.name, undefined]);
    else {
      const file = await fileOf(part);
      if (file !== undefined) found.push([part.name, file]);
    }
  }
  return found;
}

async function fileOf({ body, filename = '', mimeType }: MultipartFile): Promise<File | undefined> {
  const content = new GrowingBytes();
  for await (const chunk of body) content.add(chunk);
  if (filename === '' && content.size === 0) return undefined;
  return new File([content.all()], filename, { type: mimeType });
}
