import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import { refuseUnknown } from '@ent/internal';
import { hasBody } from './body.ts';
import { middlewareErrors } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { arrivingBody, type ContentCoding } from './internal/content-coding.ts';
import { demandExchange, demandLimit } from './internal/demand.ts';

/** Limits for {@link readMultipart}. What is over one of them is refused, and never cut off. */
export interface MultipartOptions {
  /** Most bytes of the whole body. Default: 10 MiB. */
  maxBytes?: number | undefined;
  /** Most bytes of a file. Default: as many as `maxBytes`. */
  maxFileBytes?: number | undefined;
  /** Most files. Default: 10. */
  maxFiles?: number | undefined;
  /** Most bytes of the value of a field, which is kept in memory. Default: 64 KiB. */
  maxFieldBytes?: number | undefined;
  /** Most fields. Default: 100. */
  maxFields?: number | undefined;
  /** As for {@link readJson}. Default: none. */
  encodings?: readonly ContentCoding[] | undefined;
}

/** A field of a form. */
export interface MultipartField {
  readonly kind: 'field';
  readonly name: string;
  readonly value: string;
  /** As the client says. */
  readonly mimeType: string;
}

/** A file of a form. */
export interface MultipartFile {
  readonly kind: 'file';
  readonly name: string;
  /** As the client says, without the folders before it. Good to show, and not to be the name of a file here. */
  readonly filename: string | undefined;
  /** As the client says. */
  readonly mimeType: string;
  /** What is in it, as it arrives. To be read before the next part is asked for; what is not read is thrown away. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A part of a form. */
export type MultipartPart = MultipartField | MultipartFile;

const OPTIONS = {
  maxBytes: true,
  maxFileBytes: true,
  maxFiles: true,
  maxFieldBytes: true,
  maxFields: true,
  encodings: true,
} as const;

/** Many more than anybody sends. */
const MAX_PART_HEADERS = 20;

/**
 * Reads a body of `multipart/form-data` (RFC 7578) part by part, as it arrives. Nothing is kept but the part that is
 * being read: who does not read on makes the client wait. A request without a body has no parts.
 *
 * @throws `middleware.unsupported_media_type`; while it is read, `middleware.body_too_large` for what is over a limit,
 *   `middleware.body_unparsable` for what is no form, `middleware.request_aborted`
 * @example
 * ```ts no-run
 * import { createWriteStream } from 'node:fs';
 * import { pipeline } from 'node:stream/promises';
 * import type { Exchange } from '@ent/middleware';
 * import { readMultipart } from '@ent/middleware/multipart';
 *
 * declare const exchange: Exchange;
 * for await (const part of readMultipart(exchange, { maxFiles: 1, maxFileBytes: 5_000_000 })) {
 *   if (part.kind === 'file') await pipeline(part.body, createWriteStream(`./uploads/${crypto.randomUUID()}`));
 *   else console.log(part.name, part.value);
 * }
 * ```
 */
export function readMultipart(
  exchange: Exchange,
  options: MultipartOptions = {},
): AsyncGenerator<MultipartPart, void, undefined> {
  refuseUnknown(options, OPTIONS, 'readMultipart', middlewareErrors.invalid_options);
  demandExchange(exchange, 'readMultipart');
  for (const [name, limit] of Object.entries(options)) {
    if (name !== 'encodings' && limit !== undefined) demandLimit(limit, `readMultipart: ${name}`);
  }
  if (!hasBody(exchange)) return none();
  const { maxBytes = 10 * 1024 * 1024, encodings = [] } = options;
  const parser = parserOf(exchange.header('content-type') ?? '', options);
  return partsOf(arrivingBody(exchange, { maxBytes, encodings }), parser, options);
}

async function* none(): AsyncGenerator<never, void, undefined> {}

function parserOf(contentType: string, options: MultipartOptions): busboy.Busboy {
  const { maxFiles = 10, maxFieldBytes = 64 * 1024, maxFields = 100 } = options;
  if (!/^multipart\/form-data(?:[\s;]|$)/i.test(contentType)) throw notForm();
  try {
    return busboy({
      headers: { 'content-type': contentType },
      // As browsers write them; the library would take them for Latin-1.
      defParamCharset: 'utf8',
      limits: {
        // It calls a value cut off that just fits.
        fieldSize: maxFieldBytes + 1,
        files: maxFiles,
        fields: maxFields,
        // The end of the last part counts as one.
        parts: maxFiles + maxFields + 1,
        headerPairs: MAX_PART_HEADERS,
      },
    });
  } catch {
    throw middlewareErrors.body_unparsable('The content type names no boundary between the parts.');
  }
}

function notForm(): Error {
  const accept = 'multipart/form-data';
  return middlewareErrors.unsupported_media_type(`Send the body as ${accept}.`, { headers: { accept } });
}

interface Queued {
  readonly part: MultipartPart;
  readonly stream: Readable | undefined;
}

async function* partsOf(
  body: AsyncIterable<Uint8Array>,
  parser: busboy.Busboy,
  { maxFileBytes = Infinity, maxFieldBytes = 64 * 1024 }: MultipartOptions,
): AsyncGenerator<MultipartPart, void, undefined> {
  const queue: Queued[] = [];
  let end: { readonly error: Error | undefined } | undefined;
  let wake = (): void => {};
  /** What the library says is about the form; what came from elsewhere is thrown on as it is. */
  let given: Error | undefined;
  const told = (): Error => given ?? middlewareErrors.body_unparsable('The body is not a whole form.');
  const refuse = (error: Error): void => {
    given ??= error;
    parser.destroy(error);
  };
  const add = (queued: Queued): void => {
    queue.push(queued);
    wake();
  };
  const over = (what: string): void => refuse(middlewareErrors.body_too_large(`The form has too many ${what}.`));

  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      given ??= error as Error;
      throw error;
    }
  }
  async function* contentOf(stream: Readable): AsyncGenerator<Uint8Array, void, undefined> {
    let size = 0;
    try {
      // A file that is not read to its end is thrown away; destroyed, it would hold up what comes after it.
      for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
        size += chunk.byteLength;
        if (size > maxFileBytes) {
          refuse(middlewareErrors.body_too_large(`A file is larger than ${maxFileBytes} bytes.`));
          break;
        }
        yield chunk;
      }
    } catch {
      throw told();
    }
    if (size > maxFileBytes) throw told();
  }

  parser.on(
    'file',
    (name: string | undefined, stream, { filename, mimeType }: { filename?: string; mimeType: string }) => {
      // Without a listener an error of a file that nobody reads would end the process.
      stream.on('error', () => {});
      if (name === undefined || filename?.includes('\0') === true) {
        refuse(middlewareErrors.body_unparsable('A file of the form has no name that can be taken.'));
        return;
      }
      add({ part: { kind: 'file', name, filename, mimeType, body: contentOf(stream) }, stream });
    },
  );
  parser.on('field', (name: string | undefined, value: string | undefined, { valueTruncated, mimeType }) => {
    if (valueTruncated) {
      refuse(middlewareErrors.body_too_large(`A field of the form is larger than ${maxFieldBytes} bytes.`));
    } else if (name === undefined || value === undefined) {
      refuse(middlewareErrors.body_unparsable('A field of the form has no name, or a charset that is not known.'));
    } else add({ part: { kind: 'field', name, value, mimeType }, stream: undefined });
  });
  parser.on('filesLimit', () => over('files'));
  parser.on('fieldsLimit', () => over('fields'));
  parser.on('partsLimit', () => over('parts'));
  const finish = (error?: unknown): void => {
    end = { error: error === undefined ? undefined : told() };
    wake();
  };
  pipeline(source, parser).then(() => finish(), finish);

  try {
    for (;;) {
      const next = queue.shift();
      if (next !== undefined) {
        // What was found before something is wrong is no use to anybody.
        if (given !== undefined) throw given;
        yield next.part;
        next.stream?.resume();
      } else if (end !== undefined) {
        if (end.error !== undefined) throw end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    parser.destroy();
  }
}
