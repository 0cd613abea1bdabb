import type { $ZodType, input, output } from 'zod/v4/core';
import type { RouteAnswer } from './answer.ts';
import type { RouteBody } from './body.ts';
import type { Duration } from './options.ts';
import type { Successes } from './responses.ts';
import type { Method, PathParams, Route } from './route.ts';
import type { Absent, Given, SentJson, SentNothing } from './sent-bodies.ts';
import type { ReceivedEvents } from './server-sent-event.ts';

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

type Sent<One, Part extends string> = [SchemaOf<One, Part>] extends [never]
  ? Absent<Part>
  : Given<Part, input<SchemaOf<One, Part>>>;

/** Which part of the call carries the body is said by its kind: the client sees the types of the routes only. */
type SentBody<One> = [SchemaOf<One, 'body'>] extends [never]
  ? [OtherBody<One>] extends [RouteBody<unknown, infer Parts>]
    ? [OtherBody<One>] extends [never]
      ? SentNothing
      : Parts
    : never
  : SentJson<SchemaOf<One, 'body'>>;
type OtherBody<One> = One extends { readonly body?: infer Kind } ? Extract<Kind, RouteBody<unknown>> : never;

/** Cookies that the route reads, none of them needed: in a browser they are not the call's to send. */
type SentCookies<One> = [SchemaOf<One, 'cookies'>] extends [never]
  ? Absent<'cookies'>
  : { readonly cookies?: Partial<input<SchemaOf<One, 'cookies'>>> | undefined };

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
export interface CallOptions<Expected extends number = never, As extends 'stream' | undefined = undefined> {
  /** Gives the call up; what it throws then is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the whole answer may take, or its head where it is a stream. Default: the client's. */
  readonly timeout?: Duration | undefined;
  /**
   * `stream` gives the body as a `ReadableStream` of bytes, of whatever size: who does not read on makes the service
   * wait. Default: the body is read to its end.
   */
  readonly as?: As | undefined;
  /**
   * Statuses beyond 2xx that are answers and no errors: `[304]` to an `If-None-Match`, `[404]` where the route declares
   * one with a body of its own. Problem details are errors all the same.
   */
  readonly expect?: readonly Expected[] | undefined;
}

/** What a call of a route takes: the parts that the route has, as its schemas take them, and how it is made. */
export type CallOf<
  One,
  Expected extends number = never,
  As extends 'stream' | undefined = undefined,
> = SentParams<One> &
  Sent<One, 'query'> &
  SentBody<One> &
  SentHeaders<One> &
  SentCookies<One> &
  CallOptions<Expected, As>;

/** Left out where nothing is needed. */
type Optional<Call> = Record<never, never> extends Call ? [call?: Call] : [call: Call];

/** What stands behind the path of a call. */
export type CallArguments<One, Expected extends number, As extends 'stream' | undefined = undefined> = Optional<
  CallOf<One, Expected, As>
>;

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
export type AnswerOf<One, Expected extends number = never, As extends 'stream' | undefined = undefined> = One extends {
  readonly responses: infer Answers;
}
  ? {
      [Status in Successes<Answers> | Expected]: ClientAnswer<
        Status,
        Status extends keyof Answers ? ReceivedAs<Received<Answers[Status]>, As> : unknown
      >;
    }[Successes<Answers> | Expected]
  : never;

type ReceivedAs<Body, As> = As extends 'stream'
  ? [Body] extends [undefined]
    ? undefined
    : ReadableStream<Uint8Array>
  : Body;

/** Calls a route of the table by its path. */
export type ClientMethod<Routes extends readonly Route[], Verb extends Method> = <
  Path extends PathsOf<Routes, Verb>,
  const Expected extends number = never,
  const As extends 'stream' | undefined = undefined,
>(
  path: Path,
  ...call: CallArguments<RouteAt<Routes, Verb, Path>, Expected, As>
) => Promise<AnswerOf<RouteAt<Routes, Verb, Path>, Expected, As>>;

/** The data of the stream of events that a route answers with: a schema, or `undefined` where it is text. */
type EventsOf<One> = One extends { readonly responses: { readonly 200: RouteAnswer<never, infer Kind> } }
  ? Kind extends ReceivedEvents<infer Data>
    ? { readonly of: Data }
    : never
  : never;

/** The paths of a table that answer with events. */
export type EventPathsOf<Routes> =
  Table<Routes> extends infer One
    ? One extends { readonly method: 'GET'; readonly path: infer Path extends string }
      ? [EventsOf<One>] extends [never]
        ? never
        : Path
      : never
    : never;

/** One event of a stream, as it came. */
export interface ClientEvent<Data> {
  readonly data: Data;
  /** Its type; `message` where the service says none. */
  readonly event: string;
  /** The last id that came, with this event or before it: what a stream is taken up at. Empty where none came. */
  readonly id: string;
}

/** How a stream of events is listened to. */
export interface EventsOptions {
  /** Ends it; what it throws then is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long the head of each answer may take. Default: the client's. */
  readonly timeout?: Duration | undefined;
  /** Takes up the stream behind this event, as one that listened before. Default: from where the service begins. */
  readonly lastEventId?: string | undefined;
  /** How long to wait before it connects again, unless the service says so. Default: `"3s"`. */
  readonly retry?: Duration | undefined;
  /** How often in a row it tries to connect again in vain. Default: without end. */
  readonly retries?: number | undefined;
  /** A connection without a byte for so long, not even a heartbeat, is taken for lost. Default: `"60s"`. */
  readonly idle?: Duration | undefined;
}

type TextData<One> =
  EventsOf<One> extends { readonly of: infer Data }
    ? Data extends $ZodType
      ? Absent<'data'>
      : { readonly data: 'text' }
    : never;
type DataOf<One> =
  EventsOf<One> extends { readonly of: infer Data } ? (Data extends $ZodType ? Json<output<Data>> : string) : never;

/** What a listener to a route with events says: its parts, how it listens, and `data: 'text'` where it is no JSON. */
export type EventsCallOf<One> = SentParams<One> &
  Sent<One, 'query'> &
  SentHeaders<One> &
  SentCookies<One> &
  TextData<One> &
  EventsOptions;

/** Listens to a route of the table that answers with events. */
export type ClientEvents<Routes extends readonly Route[]> = <Path extends EventPathsOf<Routes>>(
  path: Path,
  ...call: Optional<EventsCallOf<RouteAt<Routes, 'GET', Path>>>
) => AsyncGenerator<ClientEvent<DataOf<RouteAt<Routes, 'GET', Path>>>, void, undefined>;

/** A client of a table of routes: a method for each of HTTP's, and one for events. Made by `createClient`. */
export interface Client<Routes extends readonly Route[]> {
  readonly get: ClientMethod<Routes, 'GET'>;
  readonly post: ClientMethod<Routes, 'POST'>;
  readonly put: ClientMethod<Routes, 'PUT'>;
  readonly patch: ClientMethod<Routes, 'PATCH'>;
  readonly delete: ClientMethod<Routes, 'DELETE'>;
  /**
   * The events of a route with `eventStream()`, as they come. A connection that is lost, or that the service ends, is
   * made again, with the last id that came (`Last-Event-ID`). The loop ends when the service says that there is nothing
   * more (204), when it is left, or with an error that another try would not mend.
   */
  readonly events: ClientEvents<Routes>;
}
