import { refuseUnknown, titleOf } from '@ent/internal';
import { STATUS_CODES } from 'node:http';
import type { $ZodType } from 'zod/v4/core';
import { isRouteAnswer, kindOfAnswer } from './answer.ts';
import { isRouteBody, kindOfBody, type RouteBody } from './body.ts';
import { httpErrors } from './errors.ts';
import { demandList } from './internal/demand.ts';
import type { AnswerDocument, MediaDocument } from './internal/documented.ts';
import { Schemas } from './internal/json-schema.ts';
import type { JsonSchema } from './internal/json-schema-of.ts';
import { OPENAPI_OPTIONS } from './internal/openapi-options.ts';
import { fieldsOf } from './internal/query.ts';
import { paramNames } from './internal/router.ts';
import { isRequired } from './internal/schema-parts.ts';
import { vendorType } from './internal/version-types.ts';
import type { RouteVersion } from './internal/version.ts';
import { isSchema, type ResponseSpec } from './responses.ts';
import type { Route } from './route.ts';

/** What a document says of the whole API. */
export interface OpenApiOptions {
  readonly title: string;
  /** Version of the API, not of OpenAPI. */
  readonly version: string;
  /** CommonMark. */
  readonly description?: string | undefined;
  /** Who answers for the API. */
  readonly contact?: { readonly name?: string; readonly url?: string; readonly email?: string } | undefined;
  /** `{ name: 'MIT', identifier: 'MIT' }`, or with a `url`. */
  readonly license?: { readonly name: string; readonly identifier?: string; readonly url?: string } | undefined;
  /** Where the API is. Default: where the document is, `/`. */
  readonly servers?: readonly { readonly url: string; readonly description?: string }[] | undefined;
  /** Descriptions of the tags, in the order in which they are shown. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** An OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

/**
 * Describes routes as an OpenAPI 3.1 document. It comes from the same table that
 * answers the requests, so it cannot be out of date.
 *
 * Schemas with an id (`.meta({ id: 'User' })`) become components. Each operation lists the problems that its parts can
 * cause (validation, authentication) and those of the route's `problems`.
 *
 * @throws `http.invalid_route` for two operations of one `operationId`, or two schemas of one id;
 *   `http.invalid_options` without routes, title or version
 * @example
 * ```ts
 * import { route } from '@ent/http';
 * import { openapi } from '@ent/http/openapi';
 * import { z } from 'zod';
 *
 * const User = z.object({ id: z.string() }).meta({ id: 'User' });
 * const path = '/users/:id';
 * const getUser = route({ method: 'GET', path, responses: { 200: User }, handler: ({ params }) => params });
 * const document = openapi([getUser], { title: 'Users', version: '1.0.0' });
 * console.log(Object.keys(document.paths)); // [ '/users/{id}' ]
 * ```
 */
export function openapi(routes: readonly Route[], options: OpenApiOptions): OpenApiDocument {
  demandList(routes, 'openapi: the routes');
  refuseUnknown(options, OPENAPI_OPTIONS, 'openapi', httpErrors.invalid_options);
  for (const name of ['title', 'version'] as const) {
    if (typeof options[name] !== 'string') throw httpErrors.invalid_options(`openapi: ${name} must be a text.`);
  }
  const shown = routes.filter((route) => route.hidden !== true && isShownVersion(route));
  const names = operationIds(shown);
  const schemas = new Schemas();
  schemas.components['Problem'] = PROBLEM;
  // Responses first: they keep the plain names, the inputs that differ get others.
  const responses = shown.map((route, index) => responsesOf(route, schemas, names[index] as string));
  const paths: Record<string, Record<string, unknown>> = {};
  const securitySchemes: Record<string, object> = {};
  const servers = options.servers ?? [{ url: '/' }];
  shown.forEach((route, index) => {
    const schemesOfRoute = route.auth ? (route.auth.securitySchemes ?? {}) : {};
    for (const [name, scheme] of Object.entries(schemesOfRoute)) {
      securitySchemes[name] = withTokenUrl(scheme, routes, servers[0]?.url);
    }
    const path = (paths[templateOf(route.path)] ??= {});
    path[route.method.toLowerCase()] = compact({
      operationId: names[index],
      tags: route.tags,
      summary: route.summary,
      description: route.description,
      deprecated: route.deprecated,
      security: securityOf(route, schemesOfRoute),
      parameters: parametersOf(route, schemas, names[index] as string),
      requestBody: route.body && requestBodyOf(route.body, schemas, `${pascal(names[index] as string)}Body`),
      responses: responses[index],
    });
  });
  return {
    openapi: '3.1.0',
    info: compact({
      title: options.title,
      version: options.version,
      description: options.description,
      contact: options.contact,
      license: options.license,
    }),
    ...compact({ servers, tags: tagsOf(options.tags) }),
    paths,
    components: compact({
      schemas: schemas.components,
      securitySchemes: Object.keys(securitySchemes).length === 0 ? undefined : securitySchemes,
    }),
  };
}

function requestBodyOf(body: $ZodType | RouteBody<unknown>, schemas: Schemas, name: string): object {
  const { required, content } = isRouteBody(body)
    ? kindOfBody(body).document
    : { required: isRequired(body), content: { 'application/json': { schema: body } } };
  return { required, content: contentOf(content, (schema) => schemas.place(schema, 'input', name)) };
}

function plainOf(type: string): JsonSchema {
  return type.startsWith('text/') ? { type: 'string' } : { type: 'string', format: 'binary' };
}

function contentOf(
  content: Readonly<Record<string, MediaDocument>>,
  place: (schema: $ZodType) => JsonSchema,
): Record<string, object> {
  return Object.fromEntries(
    Object.entries(content).map(([type, { schema, encoding }]) => [
      type,
      compact({ schema: schema === undefined ? plainOf(type) : place(schema), encoding }),
    ]),
  );
}

/** An empty list says that it is for everyone; nothing at all, that an authenticator did not say how. */
function securityOf({ auth }: Route, schemes: object): object[] | undefined {
  if (!auth) return [];
  const names = Object.keys(schemes);
  return names.length === 0 ? undefined : names.map((name) => ({ [name]: [] }));
}

/**
 * The scheme with its URL for tokens as it is resolved: as any reference, against the server, where paths of operations
 * are put after the path of the server.
 */
function withTokenUrl(scheme: object, routes: readonly Route[], server = ''): object {
  const { flows } = scheme as { flows?: { password?: { tokenUrl?: unknown } } };
  const path = flows?.password?.tokenUrl;
  const isOperation = ({ method, path: pattern }: Route): boolean => method === 'POST' && templateOf(pattern) === path;
  if (!routes.some(isOperation)) return scheme;
  const before = server.replace(/^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/]*/i, '').replace(/\/$/, '');
  return { ...scheme, flows: { ...flows, password: { ...flows?.password, tokenUrl: before + String(path) } } };
}

function operationIds(routes: readonly Route[]): string[] {
  const taken = new Map<string, string>();
  return routes.map((route) => {
    const id = route.operationId ?? defaultId(route);
    const at = `${route.method} ${route.path}`;
    const other = taken.get(id);
    if (other !== undefined)
      throw httpErrors.invalid_route(`${at} has the operationId "${id}", as ${other} has: it must be unique.`);
    taken.set(id, at);
    return id;
  });
}

/** `GET /users/:id/posts` becomes `getUsersByIdPosts`. */
function defaultId({ method, path }: Route): string {
  const words = path.split('/').map((segment) => (segment.startsWith(':') ? `by-${segment.slice(1)}` : segment));
  return method.toLowerCase() + pascal(words.join('-'));
}

function pascal(text: string): string {
  return text
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** `/users/:id/` becomes `/users/{id}`: with or without the slash it is the same path. */
function templateOf(path: string): string {
  return path.replace(/:([^/]+)/g, '{$1}').replace(/(.)\/$/, '$1');
}

function parametersOf(route: Route, schemas: Schemas, name: string): unknown[] | undefined {
  const path =
    route.params === undefined
      ? paramNames(route.path).map(plainParameter)
      : fields(route.params, 'path', schemas, name);
  const all = [
    ...path,
    ...versionParameter(route),
    ...fields(route.query, 'query', schemas, name),
    ...fields(route.headers, 'header', schemas, name),
    ...fields(route.cookies, 'cookie', schemas, name),
  ];
  return all.length === 0 ? undefined : all;
}

/** Where a header tells versions of one path apart, the document has room for one of them. */
function isShownVersion({ version }: Route): boolean {
  if (version?.of.header === undefined) return true;
  const { standard, supported } = version.of;
  return version.name === (standard ?? supported.at(-1));
}

function versionParameter({ version }: Route): object[] {
  // A parameter of the name Accept is ignored: media types say it.
  if (version?.of.header === undefined || version.of.mediaType !== undefined) return [];
  const { header, standard } = version.of;
  return [
    {
      name: header,
      in: 'header',
      required: standard === undefined,
      description: 'Version of the API',
      schema: { type: 'string', enum: [version.name] },
    },
  ];
}

function plainParameter(name: string): object {
  return { name, in: 'path', required: true, schema: { type: 'string' } };
}

// The specification says that parameters of these names are ignored: other parts of the document describe them.
const DESCRIBED_ELSEWHERE = ['accept', 'content-type', 'authorization'];

function fields(
  schema: $ZodType | undefined,
  where: 'path' | 'query' | 'header' | 'cookie',
  schemas: Schemas,
  name: string,
): object[] {
  return Object.entries(fieldsOf(schema)).flatMap(([field, type]) => {
    if (where === 'header' && DESCRIBED_ELSEWHERE.includes(field)) return [];
    const { description, ...json } = schemas.place(type, 'input', pascal(`${name}-${field}`));
    return compact({
      name: field,
      in: where,
      required: where === 'path' || isRequired(type),
      description,
      schema: json,
    });
  });
}

function responsesOf(route: Route, schemas: Schemas, name: string): Record<string, unknown> {
  const responses: Record<string, unknown> = {};
  const problems = problemsOf(route);
  for (const [status, answer] of Object.entries(route.responses)) {
    if (isRouteAnswer(answer)) {
      const { document } = kindOfAnswer(answer);
      const place = (schema: $ZodType): JsonSchema => schemas.place(schema, 'output', `${pascal(name)}${status}`);
      responses[status] = answerOf(status, document, place);
      for (const [other, each] of Object.entries(document.others ?? {}))
        responses[other] = answerOf(other, each, place);
      problems.push(...(document.problems ?? []));
      continue;
    }
    const spec: ResponseSpec = isSchema(answer) ? { schema: answer } : answer;
    const schema = spec.schema && schemas.place(spec.schema, 'output', `${pascal(name)}${status}`);
    const type = spec.contentType ?? (schema && 'application/json');
    responses[status] = compact({
      description: spec.description ?? phraseOf(status),
      headers: headersWith(spec.headers, route.version),
      content: contentAs(typesOf(type, route.version), { schema: schema ?? { type: 'string' } }),
    });
  }
  for (const status of problems) responses[status] ??= problem(titleOf(status));
  if (!Object.keys(responses).some((status) => status.startsWith('4')))
    responses['4XX'] = problem('A fault of the request');
  responses['default'] ??= problem('Any other problem');
  return responses;
}

/** The types that an answer goes out as: where a media type names versions, JSON of this one has another name, too. */
function typesOf(type: string | undefined, version: RouteVersion | undefined): string[] {
  if (type === undefined) return [];
  const vendor = version?.of.mediaType;
  return vendor === undefined || type !== 'application/json' ? [type] : [type, vendorType(vendor, version?.name ?? '')];
}

function contentAs(types: readonly string[], media: object): Record<string, object> | undefined {
  return types.length === 0 ? undefined : Object.fromEntries(types.map((type) => [type, media]));
}

function headersWith(
  headers: Readonly<Record<string, string>> | undefined,
  version: RouteVersion | undefined,
): Record<string, unknown> | undefined {
  if (version?.of.mediaType === undefined) return headers && headersOf(headers);
  return headersOf({ ...headers, vary: 'The version goes by Accept' });
}

function answerOf(status: string, document: AnswerDocument, place: (schema: $ZodType) => JsonSchema): object {
  const { description, headers, content } = document;
  return compact({
    description: description ?? phraseOf(status),
    headers: headers && headersOf(headers),
    content: Object.keys(content).length === 0 ? undefined : contentOf(content, place),
  });
}

/** That of errors is the title of their answers. */
function phraseOf(status: string): string {
  return /^[45]\d\d$/.test(status) ? titleOf(Number(status)) : (STATUS_CODES[status] ?? status);
}

function headersOf(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

function problemsOf(route: Route): number[] {
  const statuses = new Set(route.problems);
  if (route.auth) statuses.add(401);
  if (route.guards !== undefined && route.guards.length > 0) statuses.add(403);
  if (route.timeout !== undefined) statuses.add(503);
  if (route.version?.of.header !== undefined) statuses.add(route.version.of.mediaType === undefined ? 400 : 406);
  if (route.body !== undefined) for (const status of [400, 413, 415]) statuses.add(status);
  if (route.body ?? route.query ?? route.params ?? route.headers ?? route.cookies) statuses.add(422);
  return [...statuses].sort((a, b) => a - b);
}

function problem(description: string): object {
  return { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
}

function tagsOf(tags: Readonly<Record<string, string>> | undefined): object[] | undefined {
  return tags && Object.entries(tags).map(([name, description]) => ({ name, description }));
}

function compact<T extends Record<string, unknown>>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'Problem details (RFC 9457)',
  examples: [
    { type: 'about:blank', title: 'Not Found', status: 404, detail: 'There is no user 42.', code: 'not_found' },
  ],
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string', description: 'URI of the kind of problem' },
    title: { type: 'string', description: 'The kind of problem in a few words' },
    status: { type: 'integer', description: 'The status of the response' },
    detail: { type: 'string', description: 'What is wrong this time' },
    instance: { type: 'string', description: 'Identifies this occurrence' },
    code: { type: 'string', description: 'Stable word to switch on' },
    retryAfter: { type: 'integer', description: 'Seconds to wait before the next try' },
    details: { type: 'object', description: 'Further facts' },
    errors: {
      type: 'array',
      description: 'The rejected values of the request',
      items: {
        type: 'object',
        required: ['pointer', 'code', 'detail'],
        properties: {
          pointer: { type: 'string', description: 'JSON pointer as a URI fragment, such as #/items/0/price' },
          in: { type: 'string', enum: ['body', 'query', 'path', 'header', 'cookie'] },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
};
