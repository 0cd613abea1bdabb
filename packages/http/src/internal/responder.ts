import {
  type Exchange,
  ifNoneMatch,
  notModified,
  type Reply,
  type ReplyBody,
  type ReplyHeaders,
} from '@ent/middleware';
import type { $ZodType } from 'zod/v4/core';
import { type AnswerWriting, isRouteAnswer, kindOfAnswer } from '../answer.ts';
import { httpErrors } from '../errors.ts';
import { isReply, isSchema } from '../responses.ts';
import type { Route } from '../route.ts';
import { refuseUnsayable, type Writer, writerOf } from './json-only.ts';
import { compileOutput } from './compiled/compile.ts';
import { INVALID } from './compiled/program.ts';
import { compileParser, type Parsed } from './parser.ts';

/** Turns what a handler gave into the reply. */
export interface Responder {
  (result: unknown, exchange: Exchange): Reply | Promise<Reply>;
  /** Of the answers of the route: each refuses a request before anything is done for it. */
  readonly before: readonly ((exchange: Exchange) => void)[];
}

interface Answer {
  /** The text of an answer of JSON. */
  readonly json: ((body: unknown) => string | Promise<string>) | undefined;
  /** Those of every such answer. */
  readonly headers: ReplyHeaders | undefined;
  /** Of an answer that is more than a schema. */
  readonly writing: AnswerWriting<unknown> | undefined;
}

const JSON_TYPE = /^application\/(?:[^;]+\+)?json(?:;|$)/;

/** Whether values of this type are written as JSON. */
function isJsonType(contentType: string): boolean {
  return JSON_TYPE.test(contentType);
}

export function compileResponder(route: Route): Responder {
  const name = `${route.method} ${route.path}`;
  const answers = new Map<number, Answer>();
  for (const [key, spec] of Object.entries(route.responses)) {
    if (isRouteAnswer(spec)) {
      const writing = kindOfAnswer(spec).compile(name, Number(key));
      answers.set(Number(key), { json: undefined, headers: undefined, writing });
      continue;
    }
    const schema = isSchema(spec) ? spec : spec.schema;
    const contentType = (isSchema(spec) ? undefined : spec.contentType) ?? (schema && 'application/json');
    if (schema !== undefined && !isJsonType(contentType ?? '')) {
      throw httpErrors.invalid_route(`${name}: the ${key} response has a schema, so its content type must be JSON.`);
    }
    if (schema !== undefined) refuseUnsayable(schema, 'output', `${name}: the ${key} response`);
    answers.set(Number(key), {
      json: schema && compileJson(name, schema),
      headers: contentType === undefined ? undefined : { 'content-type': contentType },
      writing: undefined,
    });
  }
  const successes = [...answers.keys()].filter((status) => status >= 200 && status < 300);
  if (answers.size === 0) throw httpErrors.invalid_route(`${name}: declare at least one response.`);
  const plain = successes.length === 1 ? successes[0] : undefined;

  const respond = (result: unknown, exchange: Exchange): Reply | Promise<Reply> => {
    const given = isReply(result) ? result : undefined;
    const status = given === undefined ? plain : given.status;
    const body = given === undefined ? result : given.body;
    const answer = status === undefined ? undefined : answers.get(status);
    if (status === undefined || answer === undefined) {
      throw httpErrors.response_invalid(
        status === undefined
          ? `${name} has more than one 2xx response: its handler must say which with reply().`
          : `${name} answered ${status}, which its responses do not declare.`,
      );
    }
    const headers = given?.headers;
    if (answer.writing !== undefined) return answer.writing.reply(body, exchange, headers);
    const tag = headers?.['etag'];
    if (status === 200 && typeof tag === 'string' && ifNoneMatch(exchange, tag)) {
      return notModified({ status, headers: headersOf(answer, headers as ReplyHeaders) });
    }
    const all = headers === undefined ? answer.headers : headersOf(answer, headers);
    // Neither a schema nor a content type: nothing was declared that could go out.
    if (answer.headers === undefined) return { status, headers: all, body: undefined };
    if (answer.json === undefined) return { status, headers: all, body: body as ReplyBody | undefined };
    const text = answer.json(body);
    return typeof text === 'string'
      ? { status, headers: all, body: text }
      : text.then((late) => ({ status, headers: all, body: late }));
  };
  const before = [...answers.values()].flatMap(({ writing }) => writing?.before ?? []);
  return Object.assign(respond, { before });
}

/** Writes what a handler gave as JSON, by its schema. */
export function compileJson(name: string, schema: $ZodType): (body: unknown) => string | Promise<string> {
  const [parse, write, compiled] = [compileParser(schema), writerOf(schema), compileOutput(schema)];
  const bySchema = (body: unknown): string | Promise<string> => {
    const parsed = parse(body);
    return parsed instanceof Promise
      ? parsed.then((late) => serialise(name, late, write))
      : serialise(name, parsed, write);
  };
  if (compiled === undefined) return bySchema;
  return (body) => {
    const text = compiled(body);
    // zod says what is wrong with it.
    return text === undefined || text === INVALID ? bySchema(body) : text;
  };
}

/** Gives what the schema makes of what a handler gave. */
export function compileData(name: string, schema: $ZodType): (body: unknown) => unknown {
  const parse = compileParser(schema);
  return (body) => {
    const parsed = parse(body);
    return parsed instanceof Promise ? parsed.then((late) => dataOf(name, late)) : dataOf(name, parsed);
  };
}

/** Only what the schema knows goes out, so a password hash that a handler hands over by mistake stays here. */
function serialise(name: string, parsed: Parsed, write: Writer): string {
  const text = write(dataOf(name, parsed));
  if (text !== undefined) return text;
  throw httpErrors.response_invalid(`${name} gave undefined, which JSON cannot say.`);
}

function dataOf(name: string, parsed: Parsed): unknown {
  if (parsed.success) return parsed.data;
  // Where it is wrong, not what it is: the values are rows.
  const at = parsed.error.issues.slice(0, 5).map((issue) => `/${issue.path.map(String).join('/')} (${issue.code})`);
  throw httpErrors.response_invalid(`${name} gave data that its response schema refuses: ${at.join(', ')}.`);
}

/** The headers of an answer with those of the handler, which stand above them. */
export function headersOf(answer: { readonly headers: ReplyHeaders | undefined }, given: ReplyHeaders): ReplyHeaders {
  // With an ETag a client may keep the answer, if it asks each time whether it still holds.
  return {
    ...answer.headers,
    ...(given['etag'] === undefined ? undefined : { 'cache-control': 'private, no-cache' }),
    ...given,
  };
}
