import { stat } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import type { Exchange, Reply, ReplyHeaders } from './exchange.ts';
import { demandExchange } from './internal/demand.ts';
import { type FileCoding, fileReplyOf, FILE_CODINGS } from './internal/file-reply.ts';
import { decodedSegments, locate } from './internal/file-path.ts';
import type { Middleware } from './middleware.ts';

/** How a file is served. */
export interface FileOptions {
  /**
   * Codings of which a file may have a sibling that was compressed before: `page.html.br`. Of what a client likes
   * equally, the first. Default: `br`, `gzip`; no file is compressed here.
   */
  precompressed?: readonly FileCoding[] | undefined;
  /** More headers, or others, for a file, by its path below the root. Default: `Cache-Control: no-cache`. */
  headers?: ((path: string) => ReplyHeaders) | undefined;
}

/** How {@link staticFiles} is set up. */
export interface StaticFilesOptions extends FileOptions {
  /** What stands before the path of a file. Begins and ends with a slash. Default: `/`. */
  prefix?: string | undefined;
  /** The file of a folder; `false` for none. Default: `index.html`. */
  index?: string | false | undefined;
}

const FILE_OPTIONS = { precompressed: true, headers: true } as const;
const OPTIONS = { ...FILE_OPTIONS, prefix: true, index: true } as const;

/**
 * Answers GET and HEAD with the files of a folder, and lets pass what is none of them. With `ETag` and `Last-Modified`,
 * conditional requests, one range of bytes, and siblings that were compressed before.
 *
 * Only what is in the folder is served: no name that begins with a dot, nothing that is reached by a link that leads
 * out, no path with an encoded slash, a backslash or NUL in it. A path of a folder without its slash is sent to that
 * with one.
 *
 * Files are for everyone: what needs permission is a route that calls {@link fileReply}.
 *
 * @param root the folder. It has to be there
 * @throws `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { staticFiles } from '@ent/middleware/static';
 *
 * const assets = staticFiles('./dist/assets', {
 *   prefix: '/assets/',
 *   headers: () => ({ 'cache-control': 'public, max-age=31536000, immutable' }),
 * });
 * ```
 */
export function staticFiles(root: string, options: StaticFilesOptions = {}): Middleware {
  refuseUnknown(options, OPTIONS, 'staticFiles', middlewareErrors.invalid_options);
  const { prefix = '/', index = 'index.html' } = options;
  const folder = existing(root, 'staticFiles');
  demandFileOptions(options, 'staticFiles');
  if (typeof prefix !== 'string' || !/^\/(?:[^/?#]+\/)*$/.test(prefix)) {
    throw middlewareErrors.invalid_options('staticFiles: prefix must begin and end with a slash, such as "/assets/".');
  }
  if (index !== false && (typeof index !== 'string' || decodedSegments(index)?.length !== 1)) {
    throw middlewareErrors.invalid_options('staticFiles: index must be the name of a file, or false.');
  }
  const bare = prefix.slice(0, -1);

  return {
    name: 'static-files',
    // Without a promise for what is no file: each request comes by here.
    before(exchange) {
      const { method, path } = exchange;
      if (method !== 'GET' && method !== 'HEAD') return undefined;
      if (!path.startsWith(prefix) && (path !== bare || bare === '')) return undefined;
      return answer(exchange, path);
    },
  };

  async function answer(exchange: Exchange, path: string): Promise<Reply | undefined> {
    const rest = path.slice(prefix.length);
    const segments = rest === '' ? [] : decodedSegments(rest.endsWith('/') ? rest.slice(0, -1) : rest);
    if (segments === undefined) return undefined;
    const isFolder = rest === '' || rest.endsWith('/');
    if (isFolder)
      return index === false || path === bare
        ? toSlash(exchange, folder, segments, index)
        : fileReplyOf(exchange, folder, [...segments, index], options);
    return (await fileReplyOf(exchange, folder, segments, options)) ?? toSlash(exchange, folder, segments, index);
  }
}

/** Sends a path of a folder to that with a slash behind it, or the links of its page would lead beside it. */
async function toSlash(
  exchange: Exchange,
  folder: string,
  segments: readonly string[],
  index: string | false,
): Promise<Reply | undefined> {
  if (index === false || exchange.path.endsWith('/')) return undefined;
  const page = await locate(folder, [...segments, index]);
  if (page === undefined || !(await stat(page)).isFile()) return undefined;
  const last = exchange.path.slice(exchange.path.lastIndexOf('/') + 1);
  const query = exchange.query === '' ? '' : `?${exchange.query}`;
  // Relative, since a proxy may have a prefix of its own; with the dot, or "a:" would be a scheme.
  return { status: 308, headers: { location: `./${last}/${query}` } };
}

/**
 * The reply with a file, for routes; `undefined` where there is none. As {@link staticFiles}.
 *
 * @param root the folder that it must be in
 * @param path its path in there, with slashes and not encoded
 * @throws `middleware.precondition_failed` (412) for a stale `If-Match` or `If-Unmodified-Since`;
 *   `middleware.invalid_options`
 * @example
 * ```ts no-run
 * import { createNodeListener } from '@ent/middleware/node';
 * import { fileReply } from '@ent/middleware/static';
 *
 * const listener = createNodeListener(
 *   async (exchange) => (await fileReply(exchange, './invoices', `${exchange.query}.pdf`)) ?? { status: 404 },
 * );
 * ```
 */
export async function fileReply(
  exchange: Exchange,
  root: string,
  path: string,
  options: FileOptions = {},
): Promise<Reply | undefined> {
  refuseUnknown(options, FILE_OPTIONS, 'fileReply', middlewareErrors.invalid_options);
  demandExchange(exchange, 'fileReply');
  demandFileOptions(options, 'fileReply');
  if (typeof path !== 'string') throw middlewareErrors.invalid_options('fileReply: the path must be a text.');
  const segments = decodedSegments(path.split('/').map(encodeURIComponent).join('/'));
  return segments && fileReplyOf(exchange, existing(root, 'fileReply'), segments, options);
}

function existing(root: string, what: string): string {
  try {
    return realpathSync(root);
  } catch (cause) {
    throw middlewareErrors.invalid_options(`${what}: the root is not a folder that can be read.`, { cause });
  }
}

function demandFileOptions({ precompressed, headers }: FileOptions, what: string): void {
  const known =
    precompressed === undefined ||
    (Array.isArray(precompressed) && precompressed.every((each) => Object.hasOwn(FILE_CODINGS, each as string)));
  if (known && (headers === undefined || typeof headers === 'function')) return;
  throw middlewareErrors.invalid_options(
    `${what}: precompressed must be a list of ${Object.keys(FILE_CODINGS).join(', ')}, and headers a function.`,
  );
}
