import type { $ZodType, input, output } from 'zod/v4/core';
import type { RouteAnswer } from './answer.ts';
import type { Successes } from './responses.ts';
import type { Method, PathParams, Route } from './route.ts';

/** The routes of a table, one of which each call is for. */
type Table<Routes> = Routes extends readonly (infer One)[] ? One : never;

/** The paths of a table that answer a method. */
export type PathsOf<Routes, Verb extends Method> =
  Extract<Table<Routes>, { readonly method: Verb }> extends infer One
    ? One extends { readonly path: infer Path extends string }
      ? Path
      : never
    : never;

/** The route of a table with this method and path. */
export type RouteAt<Routes, Verb extends Method, Path extends string> = Extract<
  Table<Routes>,
  { readonly method: Verb; readonly path: Path }
>;

type SchemaOf<One, Part extends string> = One extends { readonly [K in Part]?: infer Schema }
  ? Extract<Schema, $ZodType>
  : never;

/** A part that may be left out where nothing in it is needed. */
type Given<Name extends string, Value> =
  Record<never, never> extends Value ? { readonly [K in Name]?: Value | undefined } : { readonly [K in Name]: Value };
type Absent<Name extends string> = { readonly [K in Name]?: undefined };

type Sent<One, Part extends string> = [SchemaOf<One, Part>] extends [never]
  ? Absent<Part>
  : Given<Part, input<SchemaOf<One, Part>>>;

/** An empty object is a body too: only what takes `undefined` takes none. */
type SentBody<One> = [SchemaOf<One, 'body'>] extends [never]
  ? Absent<'body'>
  : undefined extends input<SchemaOf<One, 'body'>>
    ? { readonly body?: input<SchemaOf<One, 'body'>> | undefined }
    : { readonly body: input<SchemaOf<One, 'body'>> };

type SentParams<One> = [SchemaOf<One, 'params'>] extends [never]
  ? One extends { readonly path: infer Path extends string }
    ? [keyof PathParams<Path>] extends [never]
      ? Absent<'params'>
      : { readonly params: Readonly<PathParams<Path>> }
    : never
  : Sent<One, 'params'>;

/** Request headers: those that the route reads, and any other. */
type SentHeaders<One> = [SchemaOf<One, 'headers'>] extends [never]
  ? { readonly headers?: HeaderValues | undefined }
  : Given<'headers', input<SchemaOf<One, 'headers'>> & Readonly<Record<string, unknown>>>;

/** Headers by name; one that is `undefined` is not sent. */
export type HeaderValues = Readonly<Record<string, string | undefined>>;

/** How one call is made. */
export interface CallOptions<Expected extends number = never> {
  /** Gives the call up; what it throws then is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the whole answer may take. Default: the client's. */
  readonly timeout?: number | string | undefined;
  /**
   * Statuses beyond 2xx that are answers and no errors: `[304]` to an `If-None-Match`, `[404]` where the route declares
   * one with a body of its own. Problem details are errors all the same.
   */
  readonly expect?: readonly Expected[] | undefined;
}

/** What a call of a route takes: the parts that the route has, as its schemas take them, and how it is made. */
export type CallOf<One, Expected extends number = never> = SentParams<One> &
  Sent<One, 'query'> &
  SentBody<One> &
  SentHeaders<One> &
  CallOptions<Expected>;

/** Left out where nothing is needed. */
export type CallArguments<One, Expected extends number> =
  Record<never, never> extends CallOf<One, Expected> ? [call?: CallOf<One, Expected>] : [call: CallOf<One, Expected>];

/** What is left of a value in JSON: a date is a text, what is undefined is not there. */
export type Json<Value> = unknown extends Value
  ? Value
  : Value extends string | number | boolean | null | undefined
    ? Value
    : Value extends { toJSON(): infer Plain }
      ? Json<Plain>
      : Value extends (...args: never) => unknown
        ? never
        : Value extends object
          ? { [Key in keyof Value]: Json<Value[Key]> }
          : never;

type JsonType = `application/json${string}` | `application/${string}+json${string}`;

type Received<Answer> = Answer extends $ZodType
  ? Json<output<Answer>>
  : Answer extends { readonly schema: infer Schema extends $ZodType }
    ? Json<output<Schema>>
    : Answer extends { readonly contentType: infer Type extends string }
      ? string extends Type
        ? unknown
        : Type extends `text/${string}`
          ? string
          : Type extends JsonType
            ? unknown
            : Uint8Array
      : Answer extends RouteAnswer<never>
        ? unknown
        : undefined;

/** An answer: its status says what its body is. */
export interface ClientAnswer<Status extends number, Body> {
  readonly status: Status;
  /** Read as JSON where it is JSON; text as a text, anything else as bytes; `undefined` where there is none. */
  readonly body: Body;
  readonly headers: Headers;
}

/** The answers of a route that are no errors. */
export type AnswerOf<One, Expected extends number = never> = One extends { readonly responses: infer Answers }
  ? {
      [Status in Successes<Answers> | Expected]: ClientAnswer<
        Status,
        Status extends keyof Answers ? Received<Answers[Status]> : unknown
      >;
    }[Successes<Answers> | Expected]
  : never;

/** Calls a route of the table by its path. */
export type ClientMethod<Routes extends readonly Route[], Verb extends Method> = <
  Path extends PathsOf<Routes, Verb>,
  const Expected extends number = never,
>(
  path: Path,
  ...call: CallArguments<RouteAt<Routes, Verb, Path>, Expected>
) => Promise<AnswerOf<RouteAt<Routes, Verb, Path>, Expected>>;

/** A client of a table of routes: a method for each of HTTP's. Made by `createClient`. */
export interface Client<Routes extends readonly Route[]> {
  readonly get: ClientMethod<Routes, 'GET'>;
  readonly post: ClientMethod<Routes, 'POST'>;
  readonly put: ClientMethod<Routes, 'PUT'>;
  readonly patch: ClientMethod<Routes, 'PATCH'>;
  readonly delete: ClientMethod<Routes, 'DELETE'>;
}
