import type { $ZodType, input } from 'zod/v4/core';

/** Bytes of a body, whole or as they come; a stream is asked for the next part when there is room for it. */
export type ByteSource = Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** A file of a form that is not kept in memory. */
export interface StreamedFile {
  /** Its bytes, as they come. */
  readonly stream: ByteSource;
  readonly filename: string;
  /** Default: `application/octet-stream`. */
  readonly contentType?: string | undefined;
}

/** A part that may be left out where nothing in it is needed. */
export type Given<Name extends string, Value> =
  Record<never, never> extends Value ? { readonly [K in Name]?: Value | undefined } : { readonly [K in Name]: Value };
/** A part that a route does not take. */
export type Absent<Name extends string> = { readonly [K in Name]?: undefined };

/** An empty object is a body too: only what takes `undefined` takes none. */
type Whole<Name extends string, Value> = undefined extends Value
  ? { readonly [K in Name]?: Value | undefined }
  : { readonly [K in Name]: Value };

/** What a call sends to a route that takes a schema: `body`, as JSON. */
export type SentJson<Schema extends $ZodType> = Whole<'body', input<Schema>> &
  Absent<'form' | 'multipart' | 'contentType'>;

/** What a call sends to a route with `formBody()`: `form`. */
export type SentForm<Schema extends $ZodType> = Whole<'form', input<Schema>> &
  Absent<'body' | 'multipart' | 'contentType'>;

type Part<Value> = Value extends File
  ? Blob | StreamedFile
  : Value extends readonly (infer Element)[]
    ? readonly Part<Element>[]
    : Value;
type Parts<Fields> = Fields extends object ? { readonly [Name in keyof Fields]: Part<Fields[Name]> } : Fields;

/** What a call sends to a route with `multipartBody()` or `multipartParts()`: `multipart`, in its order. */
export type SentMultipart<Schema extends $ZodType> = Whole<'multipart', Parts<input<Schema>>> &
  Absent<'body' | 'form' | 'contentType'>;

type Concrete<Type extends string> = Type extends `${infer Kind}/*` ? `${Kind}/${string}` : Type;

/** What a call sends to a route with `streamBody()`: `body` and its `contentType`, or nothing. */
export type SentStream<Type extends string> = Absent<'form' | 'multipart'> &
  ({ readonly body: string | ByteSource; readonly contentType: Concrete<Type> } | Absent<'body' | 'contentType'>);

/** What a call sends to a route that reads no body. */
export type SentNothing = Absent<'body' | 'form' | 'multipart' | 'contentType'>;
