import { stored, tag } from './app.ts';

/** One request and what must come back: the same on every host that serves the routes of `app.ts`. */
export interface Case {
  readonly name: string;
  readonly method?: string;
  /** The request target, sent as it stands. */
  readonly target: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly status: number;
  /** Headers that the answer has; `null` for one it must not have. */
  readonly sees?: Record<string, string | RegExp | null>;
  /** Code of the problem. */
  readonly code?: string;
  /** `in pointer code` of each issue of the problem. */
  readonly issues?: readonly string[];
  /** The whole body. */
  readonly json?: unknown;
  readonly text?: string;
}

const json = { 'content-type': 'application/json' };
const admin = { authorization: 'Bearer admin-token' };
const user = { authorization: 'Bearer user-token' };
const item = { id: '7', name: 'seven', parts: [{ n: 1 }] };
const post = (body: string, more: Partial<Case> = {}): Pick<Case, 'method' | 'target' | 'headers' | 'body'> => ({
  method: 'POST',
  target: '/items',
  headers: json,
  body,
  ...more,
});

export const cases: readonly Case[] = [
  {
    name: 'answers with what the schema knows and nothing else',
    target: '/items/7',
    status: 200,
    json: item,
    sees: { 'content-type': 'application/json' },
  },
  { name: 'ignores a trailing slash', target: '/items/7/', status: 200, json: item },
  { name: 'decodes a percent-encoded path before it matches', target: '/%69tems/7', status: 200, json: item },
  { name: 'takes the absolute form of a target', target: 'http://other.example/items/7', status: 200, json: item },
  { name: 'decodes a parameter', target: '/items/a%2Fb%20c', status: 200, json: { ...item, id: 'a/b c' } },
  {
    name: 'keeps an encoded NUL and dots in a parameter as data',
    target: '/items/..%2F%00',
    status: 200,
    json: { ...item, id: '../\0' },
  },
  { name: 'does not resolve dot segments', target: '/items/../admin', status: 404, code: 'http.route_not_found' },
  { name: 'takes paths case-sensitively', target: '/ITEMS/7', status: 404, code: 'http.route_not_found' },
  { name: 'knows no double slashes', target: '//items/7', status: 404, code: 'http.route_not_found' },
  { name: 'refuses broken percent-encoding', target: '/items/%zz', status: 400, code: 'http.malformed_path' },
  { name: 'refuses overlong UTF-8 in the path', target: '/items/%c0%af', status: 400, code: 'http.malformed_path' },
  {
    name: 'has no parameter of half a kilobyte',
    target: `/items/${'x'.repeat(600)}`,
    status: 404,
    code: 'http.route_not_found',
  },
  {
    name: 'validates a parameter',
    target: `/items/${'x'.repeat(21)}`,
    status: 422,
    code: 'http.invalid_request',
    issues: ['path #/id too_big'],
  },
  {
    name: 'answers 404 for an unknown path',
    target: '/nothing',
    status: 404,
    code: 'http.route_not_found',
    sees: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  },
  {
    name: 'answers 404 for names of Object.prototype',
    target: '/__proto__/constructor',
    status: 404,
    code: 'http.route_not_found',
  },
  {
    name: 'answers 405 with Allow',
    method: 'DELETE',
    target: '/items/7',
    status: 405,
    code: 'http.method_not_allowed',
    sees: { allow: 'GET, PUT, HEAD, OPTIONS' },
  },
  {
    name: 'answers 405 for a method without any route',
    method: 'PROPFIND',
    target: '/text',
    status: 405,
    code: 'http.method_not_allowed',
    sees: { allow: 'GET, HEAD, OPTIONS' },
  },
  {
    name: 'answers OPTIONS',
    method: 'OPTIONS',
    target: '/items/7',
    status: 204,
    sees: { allow: 'GET, PUT, HEAD, OPTIONS', 'content-length': null },
  },
  { name: 'answers OPTIONS *', method: 'OPTIONS', target: '*', status: 204 },
  {
    name: 'answers OPTIONS for an unknown path with 404',
    method: 'OPTIONS',
    target: '/nothing',
    status: 404,
    code: 'http.route_not_found',
  },
  {
    name: 'answers HEAD with the headers of GET',
    method: 'HEAD',
    target: '/items/7',
    status: 200,
    text: '',
    sees: { 'content-length': String(JSON.stringify(item).length), etag: tag },
  },
  { name: 'answers HEAD with an error without a body', method: 'HEAD', target: '/nothing', status: 404, text: '' },
  { name: 'answers HEAD of a stream', method: 'HEAD', target: '/stream', status: 200, text: '' },

  {
    name: 'gives an ETag and lets the client keep the answer',
    target: '/items/7',
    status: 200,
    sees: { etag: tag, 'cache-control': 'private, no-cache' },
  },
  {
    name: 'answers 304 to the same tag',
    target: '/items/7',
    headers: { 'if-none-match': tag },
    status: 304,
    text: '',
    sees: { etag: tag, 'content-type': null },
  },
  {
    name: 'compares weakly in If-None-Match',
    target: '/items/7',
    headers: { 'if-none-match': `"x", W/${tag}` },
    status: 304,
    text: '',
  },
  { name: 'answers 304 to *', target: '/items/7', headers: { 'if-none-match': '*' }, status: 304, text: '' },
  {
    name: 'answers 200 to another tag',
    target: '/items/7',
    headers: { 'if-none-match': '"x"' },
    status: 200,
    json: item,
  },
  {
    name: 'answers 200 to a garbled tag',
    target: '/items/7',
    headers: { 'if-none-match': tag.slice(1) },
    status: 200,
    json: item,
  },
  {
    name: 'lets a write through with the right tag',
    method: 'PUT',
    target: '/items/7',
    headers: { ...json, 'if-match': tag },
    body: '{"name":"x"}',
    status: 204,
    text: '',
    sees: { 'content-length': null },
  },
  {
    name: 'refuses a write on a stale tag',
    method: 'PUT',
    target: '/items/7',
    headers: { ...json, 'if-match': '"old"' },
    body: '{"name":"x"}',
    status: 412,
    code: 'middleware.precondition_failed',
  },
  {
    name: 'compares strongly in If-Match',
    method: 'PUT',
    target: '/items/7',
    headers: { ...json, 'if-match': `W/${tag}` },
    body: '{"name":"x"}',
    status: 412,
    code: 'middleware.precondition_failed',
  },
  {
    name: 'lets a write through without a tag',
    method: 'PUT',
    target: '/items/7',
    headers: json,
    body: '{"name":"x"}',
    status: 204,
    text: '',
  },

  {
    name: 'creates with Location',
    ...post('{"name":"a","parts":[{"n":2}]}'),
    status: 201,
    json: { id: '8', name: 'a', parts: [{ n: 2 }] },
    sees: { location: '/items/8' },
  },
  {
    name: 'reads a repeated parameter as a list',
    ...post('{"name":"a"}', { target: '/items?tag=a&tag=b' }),
    status: 201,
    json: { id: 'a+b', name: 'a', parts: [] },
  },
  {
    name: 'reads a single parameter as a list where a list is meant',
    ...post('{"name":"a"}', { target: '/items?tag=a' }),
    status: 201,
    json: { id: 'a', name: 'a', parts: [] },
  },
  {
    name: 'refuses a repeated parameter where one is meant',
    ...post('{"name":"a"}', { target: '/items?dry=true&dry=false' }),
    status: 422,
    code: 'http.invalid_request',
    issues: ['query #/dry invalid_type'],
  },
  {
    name: 'lists every fault of every part at once',
    ...post('{"name":"","x":1,"parts":[{"n":"1","secret":2}]}', { target: '/items?dry=perhaps&q=1' }),
    status: 422,
    code: 'http.invalid_request',
    issues: [
      'query #/dry invalid_value',
      'query #/q unrecognized_keys',
      'body #/name too_small',
      'body #/parts/0/n invalid_type',
      'body #/parts/0/secret unrecognized_keys',
      'body #/x unrecognized_keys',
    ],
  },
  {
    name: 'refuses a missing body',
    method: 'POST',
    target: '/items',
    status: 422,
    code: 'http.invalid_request',
    issues: ['body # invalid_type'],
  },
  {
    name: 'refuses null as a body',
    ...post('null'),
    status: 422,
    code: 'http.invalid_request',
    issues: ['body # invalid_type'],
  },
  { name: 'hands on an error of the handler', ...post('{"name":"taken"}'), status: 409, code: 'conflict' },
  { name: 'refuses an unparsable body', ...post('{"name":'), status: 400, code: 'middleware.body_unparsable' },
  { name: 'refuses a body of blanks', ...post('  '), status: 400, code: 'middleware.body_unparsable' },
  {
    name: 'refuses __proto__ in a body',
    ...post('{"name":"a","__proto__":{"admin":true}}'),
    status: 400,
    code: 'middleware.body_unparsable',
    issues: ['body #/__proto__ forbidden_key'],
  },
  {
    name: 'refuses an escaped __proto__ in a body',
    ...post('{"name":"a","\\u005f_proto__":{"admin":true}}'),
    status: 400,
    code: 'middleware.body_unparsable',
    issues: ['body #/__proto__ forbidden_key'],
  },
  {
    name: 'refuses constructor.prototype in a body',
    ...post('{"name":"a","constructor":{"prototype":{}}}'),
    status: 400,
    code: 'middleware.body_unparsable',
    issues: ['body #/constructor/prototype forbidden_key'],
  },
  {
    name: 'refuses __proto__ in a query',
    ...post('{"name":"a"}', { target: '/items?__proto__=1' }),
    status: 422,
    code: 'http.invalid_request',
    issues: ['query #/__proto__ unrecognized_keys'],
  },
  {
    name: 'refuses deep nesting',
    ...post(`{"name":"a","parts":${'['.repeat(9)}${']'.repeat(9)}}`),
    status: 400,
    code: 'middleware.body_unparsable',
  },
  { name: 'does not count brackets in strings', ...post(`{"name":"${'[{\\"'.repeat(20)}"}`), status: 201 },
  {
    name: 'refuses a large body',
    ...post(`{"name":"${'x'.repeat(1000)}"}`),
    status: 413,
    code: 'middleware.body_too_large',
  },
  {
    name: 'refuses another content type',
    ...post('name=a', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    status: 415,
    code: 'middleware.unsupported_media_type',
    sees: { accept: 'application/json' },
  },
  {
    name: 'refuses a body without a content type',
    ...post('{"name":"a"}', { headers: {} }),
    status: 415,
    code: 'middleware.unsupported_media_type',
  },
  {
    name: 'takes a charset of UTF-8',
    ...post('{"name":"a"}', { headers: { 'content-type': 'Application/JSON ; charset="UTF-8"' } }),
    status: 201,
  },
  {
    name: 'refuses another charset',
    ...post('{"name":"a"}', { headers: { 'content-type': 'application/json; charset=utf-16' } }),
    status: 415,
    code: 'middleware.unsupported_media_type',
  },
  {
    name: 'refuses a compressed body',
    ...post('{"name":"a"}', { headers: { ...json, 'content-encoding': 'gzip' } }),
    status: 415,
    code: 'middleware.unsupported_media_type',
    sees: { 'accept-encoding': 'identity' },
  },
  {
    name: 'validates whatever stands after the type (tab)',
    ...post('{"name":1}', { headers: { 'content-type': 'application/json\t; a=b' } }),
    status: 422,
    code: 'http.invalid_request',
    issues: ['body #/name invalid_type'],
  },

  {
    name: 'refuses a call without a token',
    target: '/admin',
    status: 401,
    code: 'http.token_missing',
    sees: { 'www-authenticate': 'Bearer' },
  },
  {
    name: 'refuses another scheme',
    target: '/admin',
    headers: { authorization: 'Basic admin-token' },
    status: 401,
    code: 'http.token_missing',
  },
  {
    name: 'refuses a malformed token',
    target: '/admin',
    headers: { authorization: 'Bearer admin-token extra' },
    status: 401,
    code: 'http.token_invalid',
    sees: { 'www-authenticate': 'Bearer error="invalid_token"' },
  },
  {
    name: 'refuses a token of 9,000 characters',
    target: '/admin',
    headers: { authorization: `Bearer ${'a'.repeat(9000)}` },
    status: 401,
    code: 'http.token_invalid',
  },
  {
    name: 'refuses an invalid token',
    target: '/admin',
    headers: { authorization: 'Bearer nobody' },
    status: 401,
    code: 'unauthenticated',
    sees: { 'www-authenticate': 'Bearer error="invalid_token"' },
  },
  { name: 'refuses a caller without the role', target: '/admin', headers: user, status: 403, code: 'forbidden' },
  {
    name: 'lets a caller with the role through',
    target: '/admin',
    headers: admin,
    status: 200,
    json: { caller: 'root' },
  },
  {
    name: 'knows a program by its API key',
    target: '/keys',
    headers: { 'X-API-Key': 'acme_live_0f', authorization: 'Bearer nobody' },
    status: 200,
    json: { caller: 'key acme_live_0f' },
  },
  { name: 'asks for a token where no key came', target: '/keys', headers: user, status: 200, json: { caller: '7' } },
  {
    name: 'refuses a call with neither',
    target: '/keys?x-api-key=acme_live_0f',
    status: 401,
    code: 'http.token_missing',
    sees: { 'www-authenticate': 'Bearer' },
  },
  ...['', 'acme_live_0f, acme_live_0f', 'acme live', 'a'.repeat(8193)].map((key, at) => ({
    name: `refuses what is not one key (${at})`,
    target: '/keys',
    headers: { 'x-api-key': key, authorization: 'Bearer admin-token' },
    status: 401,
    code: 'http.token_invalid',
    sees: { 'www-authenticate': 'ApiKey' },
  })),
  { name: 'guards the encoded spelling of a path', target: '/%61dmin', headers: user, status: 403, code: 'forbidden' },
  { name: 'guards the path with a trailing slash', target: '/admin/', status: 401, code: 'http.token_missing' },
  { name: 'guards HEAD like GET', method: 'HEAD', target: '/admin', status: 401, text: '' },
  { name: 'has no other spelling that is let through', target: '/Admin', status: 404, code: 'http.route_not_found' },
  {
    name: 'asks who calls before it reads or judges the body',
    method: 'POST',
    target: '/admin/items',
    headers: json,
    body: '{',
    status: 401,
    code: 'http.token_missing',
  },

  {
    name: 'sends text as UTF-8',
    target: '/text',
    status: 200,
    text: 'grüße',
    sees: { 'content-length': '7', 'content-type': 'text/plain; charset=utf-8' },
  },
  { name: 'streams', target: '/stream', status: 200, text: 'one,two', sees: { 'content-length': null } },
  {
    name: 'validates headers',
    target: '/header',
    headers: { 'x-tenant': 'a' },
    status: 422,
    code: 'http.invalid_request',
    issues: ['header #/x-tenant too_small'],
  },
  { name: 'reads headers', target: '/header', headers: { 'x-tenant': 'acme' }, status: 200, json: { tenant: 'acme' } },
  { name: 'says nothing about an unforeseen error', target: '/boom', status: 500, code: 'internal' },
  {
    name: 'does not send what the response schema refuses',
    target: '/wrong-shape',
    status: 500,
    code: 'http.response_invalid',
  },
  {
    name: 'does not let a header be split',
    target: '/bad-header',
    status: 500,
    code: 'internal',
    sees: { 'set-cookie': null, location: null },
  },
  {
    name: 'keeps a sane request id',
    target: '/text',
    headers: { 'x-request-id': 'abc-123' },
    status: 200,
    sees: { 'x-request-id': 'abc-123' },
  },
  {
    name: 'replaces a request id that is not sane',
    target: '/text',
    headers: { 'x-request-id': 'a b"c' },
    status: 200,
    sees: { 'x-request-id': /^[0-9a-f-]{36}$/ },
  },
  {
    name: 'replaces a request id that is too long',
    target: '/nothing',
    headers: { 'x-request-id': 'a'.repeat(129) },
    status: 404,
    sees: { 'x-request-id': /^[0-9a-f-]{36}$/ },
  },
];

/** What no answer may contain. */
export const secrets: readonly string[] = [stored.passwordHash, 'select *', 'row value', 'node_modules', '.ts:'];
