import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { contentType } from 'mime-types';
import { parse as parseRange } from 'range-parser';
import { ifNoneMatch, notModified, requireMatch } from '../conditional.ts';
import { middlewareErrors } from '../errors.ts';
import type { Exchange, Reply, ReplyHeaders } from '../exchange.ts';
import { isAbsent, locate } from './file-path.ts';
import { acceptedEncodings } from './negotiate.ts';
import { varying, withHeaders } from './reply-headers.ts';

/** A coding of files that were compressed before. */
export type FileCoding = 'br' | 'gzip' | 'zstd';

/** What stands behind their names. */
export const FILE_CODINGS: Readonly<Record<FileCoding, string>> = { br: '.br', gzip: '.gz', zstd: '.zst' };

interface Serving {
  readonly precompressed?: readonly FileCoding[] | undefined;
  readonly headers?: ((path: string) => ReplyHeaders) | undefined;
}

/** A file that is open, and what is known of it. */
interface Opened {
  readonly handle: FileHandle;
  readonly size: number;
  readonly tag: string;
  readonly modifiedMs: number;
  readonly coding: FileCoding | undefined;
}

/** The reply with a file below `root`, which is a real path; `undefined` where there is none. */
export async function fileReplyOf(
  exchange: Exchange,
  root: string,
  segments: readonly string[],
  { precompressed = ['br', 'gzip'], headers = () => ({}) }: Serving,
): Promise<Reply | undefined> {
  const plain = await openFile(root, segments, undefined);
  if (plain === undefined) return undefined;
  let file = plain;
  try {
    for (const coding of acceptedCodings(exchange, precompressed)) {
      const sibling = await openFile(root, segments, coding);
      if (sibling === undefined) continue;
      await plain.handle.close();
      file = sibling;
      break;
    }
    const path = segments.join('/');
    const type = contentType(segments.at(-1) as string);
    const own: ReplyHeaders = {
      'content-type': type === false ? 'application/octet-stream' : type,
      'cache-control': 'no-cache',
      'last-modified': new Date(file.modifiedMs).toUTCString(),
      etag: file.tag,
      'accept-ranges': 'bytes',
      ...(file.coding === undefined ? undefined : { 'content-encoding': file.coding }),
    };
    const all = withHeaders(own, lowered(headers(path)));
    const varied = precompressed.length === 0 ? all : withHeaders(all, { vary: varying(all, 'Accept-Encoding') });
    return await answer(exchange, file, varied);
  } catch (error) {
    await file.handle.close();
    throw error;
  }
}

function lowered(headers: ReplyHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value as string]));
}

/** Those of the list that the client takes, the one that it likes best first. */
function acceptedCodings(exchange: Exchange, codings: readonly FileCoding[]): readonly FileCoding[] {
  const accepted = exchange.header('accept-encoding');
  if (accepted === undefined || codings.length === 0) return [];
  const list = acceptedEncodings(accepted, codings);
  // What comes after the file as it is, it likes less than that.
  const end = list.indexOf('identity');
  return (end === -1 ? list : list.slice(0, end)) as FileCoding[];
}

async function openFile(
  root: string,
  segments: readonly string[],
  coding: FileCoding | undefined,
): Promise<Opened | undefined> {
  const name = `${segments.at(-1)}${coding === undefined ? '' : FILE_CODINGS[coding]}`;
  const path = await locate(root, [...segments.slice(0, -1), name]);
  if (path === undefined) return undefined;
  let handle: FileHandle;
  try {
    // Not blocking, or a pipe of that name would hold a thread until somebody writes into it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isAbsent(error) || (error as { code?: unknown }).code === 'ENXIO') return undefined;
    throw error;
  }
  const info = await handle.stat({ bigint: true });
  if (!info.isFile()) {
    await handle.close();
    return undefined;
  }
  const mark = coding === undefined ? '' : `-${coding}`;
  return {
    handle,
    size: Number(info.size),
    tag: `"${info.size.toString(36)}-${info.mtimeNs.toString(36)}${mark}"`,
    // Of whole seconds, as the header is.
    modifiedMs: Math.floor(Number(info.mtimeMs) / 1000) * 1000,
    coding,
  };
}

/** By the order of RFC 9110, section 13.2.2. */
async function answer(exchange: Exchange, file: Opened, headers: ReplyHeaders): Promise<Reply> {
  const { handle, size, tag, modifiedMs } = file;
  if (exchange.header('if-match') !== undefined) requireMatch(exchange, tag);
  else if (modifiedMs > dateOf(exchange, 'if-unmodified-since', Infinity)) {
    throw middlewareErrors.precondition_failed('The file was changed since.');
  }
  const unchanged =
    exchange.header('if-none-match') === undefined
      ? modifiedMs <= dateOf(exchange, 'if-modified-since', -Infinity)
      : ifNoneMatch(exchange, tag);
  if (unchanged) {
    await handle.close();
    return notModified({ status: 200, headers });
  }
  const range = rangeOf(exchange, file);
  if (range === 'unsatisfiable') {
    await handle.close();
    const error = middlewareErrors.range_not_satisfiable(`The file has ${size} bytes.`, {
      headers: { 'content-range': `bytes */${size}` },
    });
    throw error;
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const length = end - start + 1;
  const partial = range === undefined ? undefined : { 'content-range': `bytes ${start}-${end}/${size}` };
  const body = await bodyOf(exchange, handle, start, end);
  return {
    status: partial === undefined ? 200 : 206,
    headers: { ...headers, ...partial, 'content-length': String(length) },
    body,
  };
}

async function bodyOf(
  exchange: Exchange,
  handle: FileHandle,
  start: number,
  end: number,
): Promise<NonNullable<Reply['body']>> {
  if (exchange.method !== 'HEAD' && end >= start) return handle.createReadStream({ start, end });
  await handle.close();
  // For HEAD a body that nobody takes: the length is that of the header.
  return exchange.method === 'HEAD' ? nothing() : '';
}

async function* nothing(): AsyncGenerator<never> {}

function dateOf(exchange: Exchange, name: string, otherwise: number): number {
  const ms = Date.parse(exchange.header(name) ?? '');
  return Number.isNaN(ms) ? otherwise : ms;
}

/** The one range that is asked for; `undefined` for the whole file: for none, several, or one of another version. */
function rangeOf(exchange: Exchange, file: Opened): { start: number; end: number } | 'unsatisfiable' | undefined {
  const header = exchange.header('range');
  if (header === undefined || exchange.method !== 'GET' || !isCurrent(exchange, file)) return undefined;
  const { code, type, ranges } = parseRange(file.size, header);
  // What is malformed, or of another unit, is as if it was not there (RFC 9110, section 14.2).
  if (type !== 'bytes' || (code & MALFORMED) !== 0) return undefined;
  if (ranges.length === 0 && code !== 0) return 'unsatisfiable';
  return ranges.length === 1 && code === 0 ? ranges[0] : undefined;
}

/** A bit of the code that the library gives; the other one is for a range beyond the end. */
const MALFORMED = 1;

/** `If-Range` (RFC 9110, section 13.1.5): by a strong tag, or by the very date. */
function isCurrent(exchange: Exchange, { tag, modifiedMs }: Opened): boolean {
  const header = exchange.header('if-range');
  if (header === undefined) return true;
  return header.includes('"') ? header === tag : Date.parse(header) === modifiedMs;
}
