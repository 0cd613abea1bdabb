import Negotiator from 'negotiator';
import {
  type Exchange,
  ifNoneMatch,
  notModified,
  type Reply,
  type ReplyBody,
  type ReplyHeaders,
} from '@ent/middleware';
import type { $ZodType, input, output } from 'zod/v4/core';
import { type RouteAnswer, routeAnswer } from './answer.ts';
import { httpErrors } from './errors.ts';
import { refuseUnsayable } from './internal/json-only.ts';
import { isMediaType } from './internal/media-type.ts';
import { compileData, compileJson, headersOf } from './internal/responder.ts';

/** What else an answer can be sent as, by media type; each makes text, bytes or a stream of what the schema gave. */
export type Representations<Data> = Readonly<Record<string, (data: Data) => ReplyBody | Promise<ReplyBody>>>;

const JSON_TYPE = 'application/json';

/**
 * An answer of a route as JSON or in another representation, whichever the client likes best (`Accept`, RFC 9110,
 * section 12.5.1); JSON where it says nothing, or `*`. Where it takes none of them the answer is 406 with the list of
 * what there is, before the body is read and the handler runs. `Vary: Accept` is on all of them.
 *
 * All representations are of the same data, after its schema. An `etag` goes with JSON only: the others are other
 * bytes.
 *
 * @param schema of the data
 * @throws `http.invalid_options` for what is no media type or no function. As the answer of a route:
 *   `http.not_acceptable` (406)
 * @example
 * ```ts
 * import { negotiated, route } from '@ent/http';
 * import { z } from 'zod';
 *
 * const Sales = z.array(z.object({ month: z.string(), sum: z.int() }));
 * const sales = route({
 *   method: 'GET',
 *   path: '/sales',
 *   responses: { 200: negotiated(Sales, { 'text/csv': (rows) => rows.map((row) => Object.values(row)).join('\n') }) },
 *   handler: () => [{ month: '2026-11', sum: 42 }],
 * });
 * ```
 */
export function negotiated<Schema extends $ZodType>(
  schema: Schema,
  representations: Representations<output<Schema>>,
): RouteAnswer<input<Schema>> {
  const others = Object.entries((representations as Representations<unknown> | null | undefined) ?? {});
  const isSchema = typeof schema === 'object' && (schema as $ZodType | null) !== null && '_zod' in schema;
  if (!isSchema || others.length === 0 || others.some(([type, make]) => !isOther(type, make))) {
    throw httpErrors.invalid_options(
      'negotiated takes a schema, and functions by media type, such as { "text/csv": (rows) => "..." }.',
    );
  }
  const available = [JSON_TYPE, ...others.map(([type]) => type)];
  const chosen = (exchange: Exchange): string => {
    const type = preferred(exchange.header('accept'), available);
    if (type !== undefined) return type;
    throw httpErrors.not_acceptable(`This is there as ${available.join(', ')}.`, {
      details: { available },
      headers: { vary: 'Accept' },
    });
  };
  return routeAnswer({
    compile(name, status) {
      refuseUnsayable(schema, 'output', `${name}: the ${status} response`);
      const [json, dataOf] = [compileJson(name, schema), compileData(name, schema)];
      return {
        before: chosen,
        reply(body, exchange, given) {
          const type = chosen(exchange);
          const headers = headersWith(type, given);
          if (type === JSON_TYPE) return asJson({ status, headers }, exchange, json(body));
          const make = representations[type] as Representations<unknown>[string];
          return made({ status, headers }, dataOf(body), make);
        },
      };
    },
    document: {
      content: Object.fromEntries(available.map((type) => [type, type === JSON_TYPE ? { schema } : {}])),
      headers: { vary: 'The representation goes by Accept' },
      problems: [406],
    },
  });
}

function isOther(type: string, make: unknown): boolean {
  return isMediaType(type) && type.toLowerCase() === type && type !== JSON_TYPE && typeof make === 'function';
}

/**
 * The media type that a client likes best; an empty header says nothing. All is UTF-8, also where a client says so of a
 * type that has no charset.
 */
function preferred(accept: string | undefined, available: readonly string[]): string | undefined {
  if (accept === undefined || accept.trim() === '') return available[0];
  const forms = available.flatMap((type) => [type, `${type};charset=utf-8`]);
  return new Negotiator({ headers: { accept } }).mediaTypes(forms)[0]?.split(';', 1)[0];
}

function headersWith(type: string, given: ReplyHeaders = {}): ReplyHeaders {
  const { vary, etag, ...rest } = given;
  return headersOf(
    { headers: { 'content-type': type.startsWith('text/') ? `${type}; charset=utf-8` : type } },
    {
      ...rest,
      ...(etag !== undefined && type === JSON_TYPE ? { etag } : undefined),
      vary: vary === undefined ? 'Accept' : `${[vary].flat().join(', ')}, Accept`,
    },
  );
}

function asJson(head: Omit<Reply, 'body'>, exchange: Exchange, text: string | Promise<string>): Reply | Promise<Reply> {
  const tag = head.headers?.['etag'];
  const unchanged = head.status === 200 && typeof tag === 'string' && ifNoneMatch(exchange, tag);
  const whole = (body: string): Reply => (unchanged ? notModified({ ...head, body }) : { ...head, body });
  return typeof text === 'string' ? whole(text) : text.then(whole);
}

async function made(
  head: Omit<Reply, 'body'>,
  data: unknown,
  make: (data: unknown) => ReplyBody | Promise<ReplyBody>,
): Promise<Reply> {
  return { ...head, body: await make(await data) };
}
