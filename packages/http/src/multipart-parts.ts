import { type Issue, issuesFromZod } from '@ent/errors';
import { hasBody } from '@ent/middleware';
import { type MultipartFile, type MultipartPart, readMultipart } from '@ent/middleware/multipart';
import { $ZodObject, type $ZodType, type output } from 'zod/v4/core';
import { type RouteBody, routeBody } from './body.ts';
import { httpErrors } from './errors.ts';
import { demandFields } from './internal/demand.ts';
import {
  documentOf,
  elementOf,
  fileDemands,
  type FileDemands,
  isFile,
  multipartLimits,
  refuseUnsayablePart,
} from './internal/multipart.ts';
import { compileReader, type Parser } from './internal/parser.ts';
import { fieldsOf, isList, unwrap } from './internal/query.ts';
import { isRequired } from './internal/schema-parts.ts';
import type { MultipartBodyOptions } from './multipart-body.ts';
import type { SentMultipart } from './sent-bodies.ts';

/** A field of a form, as its schema gives it. */
export interface FieldPart<Name extends string, Value> {
  readonly kind: 'field';
  readonly name: Name;
  readonly value: Value;
}

/** A file of a form, as it arrives. */
export interface FilePart<Name extends string> extends Omit<MultipartFile, 'name'> {
  readonly name: Name;
}

type ValueOf<Given> = NonNullable<Given> extends readonly (infer Element)[] ? Element : NonNullable<Given>;

/** A part of a form with these fields: `kind` and `name` say which. */
export type FormPart<Fields> = {
  [Name in keyof Fields & string]-?: [ValueOf<Fields[Name]>] extends [File]
    ? FilePart<Name>
    : FieldPart<Name, ValueOf<Fields[Name]>>;
}[keyof Fields & string];

/**
 * The body of a route as `multipart/form-data`, part by part as it arrives: files of any size, of which nothing is
 * kept. The handler iterates over the parts, in the order of the client, and reads each file before it asks for the
 * next part.
 *
 * Each part is checked when it comes, a file by the bytes that were read of it: what is wrong is thrown where the
 * handler iterates, so it must be ready to undo what it has done with the parts before. A field that is missing shows
 * at the end.
 *
 * @param schema an object with the fields of the form: texts, files (`z.file()` with no checks but `.min()`, `.max()`
 *   and `.mime()`), and lists of them, whose length only `maxFiles` and `maxFields` limit
 * @throws `http.invalid_options`. While it is iterated over: as {@link multipartBody}
 * @example
 * ```ts
 * import { createWriteStream } from 'node:fs';
 * import { pipeline } from 'node:stream/promises';
 * import { route } from '@ent/http';
 * import { multipartParts } from '@ent/http/multipart';
 * import { z } from 'zod';
 *
 * const upload = route({
 *   method: 'POST',
 *   path: '/videos',
 *   body: multipartParts(z.object({ title: z.string(), video: z.file().max(2e9).mime('video/mp4') })),
 *   maxBodyBytes: 2_100_000_000,
 *   responses: { 204: {} },
 *   handler: async ({ body }) => {
 *     for await (const part of body) {
 *       if (part.kind === 'file') await pipeline(part.body, createWriteStream(`./videos/${crypto.randomUUID()}`));
 *       else console.log(part.value);
 *     }
 *   },
 * });
 * ```
 */
export function multipartParts<Schema extends $ZodType>(
  schema: Schema,
  options: MultipartBodyOptions = {},
): RouteBody<AsyncIterable<FormPart<output<Schema>>>, SentMultipart<Schema>> {
  demandFields(schema, 'multipartParts');
  const limits = multipartLimits(options, 'multipartParts');
  if (hasChecks(schema)) throw unchecked('the whole form');
  const fields = new Map(Object.entries(fieldsOf(schema)).map(([name, field]) => [name, fieldOf(name, field)]));
  return routeBody({
    compile({ name, maxBytes }) {
      refuseUnsayablePart(schema, `${name}: the schema of body`);
      return {
        read(exchange, use) {
          if (!hasBody(exchange)) return use(checked(none(), fields));
          return use(checked(readMultipart(exchange, { ...limits, maxBytes }), fields));
        },
      };
    },
    document: documentOf(schema),
  });
}

async function* none(): AsyncGenerator<never> {}

interface Field {
  readonly required: boolean;
  readonly list: boolean;
  readonly file: FileDemands | undefined;
  /** Gives an object with the value under the name of the field, so that what is wrong has its pointer. */
  readonly parse: Parser;
}

function fieldOf(name: string, field: $ZodType): Field {
  const element = elementOf(field);
  const file = isFile(element) ? fileDemands(element) : undefined;
  if (file?.others === true || (isList(field) && hasChecks(field))) throw unchecked(`"${name}"`);
  const shape = { [name]: element };
  const parse = compileReader(new $ZodObject({ type: 'object', shape }), true);
  return { required: isRequired(field), list: isList(field), file, parse };
}

function hasChecks(schema: $ZodType): boolean {
  return (unwrap(schema)._zod.def.checks ?? []).length > 0;
}

function unchecked(what: string): Error {
  return httpErrors.invalid_options(
    `multipartParts: ${what} has a check that would have to wait for all of it; each part is checked as it arrives.`,
  );
}

async function* checked<Part>(
  parts: AsyncIterable<MultipartPart>,
  fields: ReadonlyMap<string, Field>,
): AsyncGenerator<Part, void, undefined> {
  const seen = new Set<string>();
  for await (const part of parts) {
    const { name } = part;
    const field = fields.get(name);
    if (field === undefined) throw refusal([issue(name, 'unrecognized_keys', 'There is no such field.')]);
    if (part.kind === 'file' && isUnchosen(part)) continue;
    if (seen.has(name) && !field.list) throw refusal([issue(name, 'too_big', 'This comes more than once.')]);
    seen.add(name);
    yield (part.kind === 'file' ? fileOf(part, field) : await valueOf(part, field)) as Part;
  }
  const missing = [...fields].filter(([name, { required }]) => required && !seen.has(name));
  if (missing.length > 0) throw refusal(missing.map(([name]) => issue(name, 'invalid_type', 'This is required.')));
}

/** What browsers send of a file that was not chosen. */
function isUnchosen({ filename, mimeType }: MultipartFile): boolean {
  return (filename ?? '') === '' && mimeType === 'application/octet-stream';
}

async function valueOf({ name, value }: { name: string; value: string }, field: Field): Promise<object> {
  if (field.file !== undefined) throw refusal([issue(name, 'invalid_type', 'This is to be a file.')]);
  const outcome = await field.parse({ [name]: value });
  if (!outcome.success) throw refusal(issuesFromZod(outcome.error, { in: 'body' }));
  return { kind: 'field', name, value: (outcome.data as Record<string, unknown>)[name] };
}

function fileOf(part: MultipartFile, { file }: Field): MultipartFile {
  const { name, mimeType } = part;
  if (file === undefined) throw refusal([issue(name, 'invalid_type', 'This is to be a text, and no file.')]);
  if (file.types !== undefined && !file.types.includes(mimeType)) {
    throw refusal([issue(name, 'invalid_value', `This is to be a file of ${file.types.join(', ')}.`)]);
  }
  return { ...part, body: within(part, file) };
}

async function* within({ name, body }: MultipartFile, { min, max }: FileDemands): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > max) throw refusal([issue(name, 'too_big', `This is to have at most ${max} bytes.`)]);
    yield chunk;
  }
  if (size < min) throw refusal([issue(name, 'too_small', `This is to have at least ${min} bytes.`)]);
}

function issue(name: string, code: string, detail: string): Issue {
  return { pointer: `#/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, in: 'body', code, detail };
}

function refusal(issues: readonly Issue[]): Error {
  return httpErrors.invalid_request('The request is not valid; see "errors".', { issues });
}
