import { isUtf8 } from 'node:buffer';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EntError } from '@ent/errors';
import { databaseErrors } from '../errors.ts';
import { lineAt } from './sql/script.ts';

const invalid = databaseErrors.invalid_definition;

/** A file that holds a migration or a seed, or a part of one. */
export interface Found {
  /** Without what follows the first dot. */
  readonly name: string;
  /** What follows it, without the ending: `up` of `0001_users.up.sql`. */
  readonly part: string | undefined;
  readonly isSql: boolean;
  readonly path: string;
  /** As messages have it: from the working directory. */
  readonly shown: string;
}

const FILE = /^([^.]+)(?:\.(.+))?\.(?:(sql)|[cm]?[jt]s)$/i;
const DECLARATIONS = /\.d\.[cm]?ts$/i;

/** The files of a folder that hold SQL or code, by name. Folders in it, and files of other kinds, are passed over. */
export async function filesIn(folder: string | URL, what: string): Promise<Found[]> {
  const isPath = typeof folder === 'string' ? folder !== '' : folder instanceof URL && folder.protocol === 'file:';
  if (!isPath) {
    throw invalid(`${what} takes the path of a folder, or a file: URL of it.`);
  }
  const place = resolve(typeof folder === 'string' ? folder : fileURLToPath(folder));
  const entries = await readdir(place, { withFileTypes: true }).catch((cause: unknown) => {
    throw invalid(
      `${what}: the folder ${shownOf(place)} cannot be read (${String((cause as { code?: unknown }).code)}).`,
      {
        cause,
      },
    );
  });
  const found: Found[] = [];
  for (const entry of entries) {
    const [, name, part, sql] = FILE.exec(entry.name) ?? [];
    if (name === undefined || entry.isDirectory() || DECLARATIONS.test(entry.name)) continue;
    const path = join(place, entry.name);
    found.push({ name, part, isSql: sql !== undefined, path, shown: shownOf(path) });
  }
  // By code point, so that the order is the same on every machine.
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function shownOf(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') ? path : near;
}

/** SQL of a file. */
export interface SqlFile {
  readonly shown: string;
  readonly text: string;
  /** `-- foreign-keys: off` is its first line. */
  readonly foreignKeys: 'off' | undefined;
  /** `-- transaction: false` is its first line. */
  readonly transaction: false | undefined;
}

/** How other tools part one file into two. All of it would be run here: done, and undone at once. */
const MARK = /^[ \t]*--[ \t]*(?:migrate:|\+goose[ \t]+|\+migrate[ \t]+)?(?:up|down)\b[^\w\n]*$/im;
/** What a file says of itself. A longer comment after "transaction:" is one. */
const OPTION = /^[ \t]*--[ \t]*(?:(foreign-keys):[ \t]*(.*)|(transaction):[ \t]*(\w*)[ \t]*)$/im;

/** Reads SQL. Lines end the same whatever system checked them out, since the text is recognised later. */
export async function readSql({ path, shown }: Pick<Found, 'path' | 'shown'>): Promise<SqlFile> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw invalid(`${shown} cannot be read.`, { cause });
  });
  if (!isUtf8(bytes)) throw invalid(`${shown}, line ${badLine(bytes)}: it is no UTF-8.`);
  const text = new TextDecoder().decode(bytes).replaceAll('\r\n', '\n');
  if (text.trim() === '') throw invalid(`${shown} is empty: write its SQL, or remove it.`);
  const mark = MARK.exec(text);
  if (mark !== null) {
    throw invalid(
      `${shown}, ${lineAt(text, mark.index)}: "${mark[0].trim()}" parts nothing here; what undoes a migration is in a file of its own, NAME.down.sql beside NAME.up.sql.`,
    );
  }
  const option = OPTION.exec(text);
  const [, foreignKeys, off, transaction, no] = option ?? [];
  const isRight = foreignKeys === undefined ? no === 'false' : off?.trim() === 'off';
  if (option !== null && (option.index !== 0 || !isRight)) {
    const right = foreignKeys === undefined ? '-- transaction: false' : '-- foreign-keys: off';
    throw invalid(`${shown}, ${lineAt(text, option.index)}: it is "${right}", in the first line.`);
  }
  return {
    shown,
    text,
    foreignKeys: foreignKeys === undefined ? undefined : 'off',
    transaction: transaction === undefined ? undefined : false,
  };
}

function badLine(bytes: Buffer): number {
  const lines = bytes.toString('latin1').split('\n');
  return lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;
}

/** What db.native has where SQL can be run. */
interface Scripted {
  readonly script?: (text: string) => Promise<void>;
}

/** Runs the SQL of a file. @throws what the database said, with the file and the line */
export async function runSql(native: unknown, { shown, text }: SqlFile): Promise<void> {
  const { script } = native as Scripted;
  if (typeof script !== 'function') {
    throw databaseErrors.unsupported(`${shown}: this database runs no SQL; write a .ts or .js file instead.`);
  }
  try {
    await script(text);
  } catch (error) {
    if (!EntError.is(error)) throw error;
    const { where } = error.details ?? {};
    const said = error.cause instanceof Error ? error.cause.message : error.message;
    const place = typeof where === 'string' ? `${shown}, ${where}` : shown;
    throw databaseErrors.query_failed(`${place}: ${said.replace(/\.?$/, '.')}`, {
      cause: error,
      details: { ...error.details, file: shown },
    });
  }
}

/**
 * What a file of code exports, of the names that it may.
 *
 * @throws `database.invalid_definition` for what cannot be loaded, with its line where the runtime tells, and for other
 *   names
 */
export async function importFile({ path, shown }: Found, known: readonly string[]): Promise<Record<string, unknown>> {
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (cause) {
    const { message = String(cause), stack = '' } = Object(cause) as Partial<Error>;
    const [, after = ''] = `${message}\n${stack}`.split(`${path}:`);
    const line = /^\d+/.exec(after)?.[0];
    throw invalid(
      `${shown}${line === undefined ? '' : `, line ${line}`} cannot be loaded: ${message}${sourceHint(cause)}`,
      {
        cause,
      },
    );
  }
  // A CommonJS module whose names the runtime could not see.
  const isSeen = known.some((name) => name in module) || !('default' in module);
  const given = isSeen ? module : ((module['default'] ?? {}) as typeof module);
  const names = Object.keys(given).filter((name) => !RUNTIME.has(name));
  const other = names.find((name) => !known.includes(name));
  if (other !== undefined) throw invalid(`${shown} exports "${other}"; it has ${known.join(', ')}.`);
  return given;
}

/** What to do where a compiler finds `x.ts` for an import of `x.js`, which Node does not. */
function sourceHint(cause: unknown): string {
  const { code, url } = Object(cause) as { readonly code?: unknown; readonly url?: unknown };
  if (code !== 'ERR_MODULE_NOT_FOUND' || typeof url !== 'string' || !url.startsWith('file:')) return '';
  const path = fileURLToPath(url);
  const source = [path.replace(/js$/, 'ts'), `${path}.ts`].find((each) => existsSync(each));
  if (source === undefined) return '';
  return `. There is ${shownOf(source)}, which Node finds by that name alone: import the .ts, which the compiler lets with "rewriteRelativeImportExtensions" (or "allowImportingTsExtensions" and "noEmit"); or run the folder that the compiler wrote.`;
}

/** What runtimes and compilers add to the exports of CommonJS. */
const RUNTIME: ReadonlySet<string> = new Set(['default', 'module.exports', '__esModule']);
