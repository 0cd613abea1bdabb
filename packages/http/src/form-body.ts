import { refuseUnknown } from '@ent/internal';
import { readForm } from '@ent/middleware';
import type { $ZodType, output } from 'zod/v4/core';
import { type RouteBody, routeBody } from './body.ts';
import { httpErrors } from './errors.ts';
import { demanding } from './internal/body.ts';
import { demandCount, demandFields } from './internal/demand.ts';
import { refuseUnsayable } from './internal/json-only.ts';
import { compileReader } from './internal/parser.ts';
import { listFields, recordOf } from './internal/query.ts';
import { isRequired } from './internal/schema-parts.ts';
import type { SentForm } from './sent-bodies.ts';

/** Limits of {@link formBody}; that of its bytes is the `maxBodyBytes` of the route. */
export interface FormBodyOptions {
  /** Most names with a value. Default: 1000. */
  readonly maxFields?: number | undefined;
}

/**
 * The body of a route as `application/x-www-form-urlencoded`, what a browser sends of a `<form>`. Its values are text,
 * read as those of a query are; a name that comes several times is a list. Unknown names are refused.
 *
 * What a browser sends with its cookies, another page can make it send: see `csrf()` of `@ent/middleware`.
 *
 * @param schema an object with the fields of the form. A box that is not ticked does not come, and one that is says
 *   `on`: `z.literal('on').optional()`
 * @throws `http.invalid_options` for a schema that is none of an object. As the body of a route:
 *   `middleware.unsupported_media_type` (415), `middleware.body_too_large` (413), `middleware.body_unparsable` (400),
 *   `http.invalid_request` (422)
 * @example
 * ```ts
 * import { formBody, reply, route } from '@ent/http';
 * import { z } from 'zod';
 *
 * const subscribe = route({
 *   method: 'POST',
 *   path: '/subscriptions',
 *   body: formBody(z.object({ email: z.email(), topic: z.array(z.string()), age: z.int().optional() })),
 *   responses: { 303: {} },
 *   handler: ({ body }) => reply(303, undefined, { location: `/thanks?topics=${body.topic.length}` }),
 * });
 * ```
 */
export function formBody<Schema extends $ZodType>(
  schema: Schema,
  options: FormBodyOptions = {},
): RouteBody<output<Schema>, SentForm<Schema>> {
  demandFields(schema, 'formBody');
  refuseUnknown(options, { maxFields: true }, 'formBody', httpErrors.invalid_options);
  const { maxFields = 1000 } = options;
  demandCount(maxFields, 'formBody: maxFields');
  return routeBody({
    compile({ name, maxBytes }) {
      refuseUnsayable(schema, 'input', `${name}: the schema of body`);
      const lists = listFields(schema);
      return {
        read: async (exchange, use) => {
          const form = await readForm(exchange, { maxBytes, maxFields });
          return use(form && recordOf(form, lists));
        },
        parse: demanding(schema, compileReader(schema, true)),
      };
    },
    document: { required: isRequired(schema), content: { 'application/x-www-form-urlencoded': { schema } } },
  });
}
