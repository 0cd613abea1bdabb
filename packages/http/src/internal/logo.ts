import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { httpErrors } from '../errors.ts';

/** A picture as pages name it: one that comes with them, or a file that stands beside them. */
export type Logo = { readonly url: string } | LogoFile;

export interface LogoFile {
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
};

/** @throws `http.invalid_options` for what is neither a file of a known kind nor a picture in a URL */
export function readLogo(given: unknown): Logo {
  if (typeof given === 'string' && given.startsWith('data:image/')) return { url: given };
  const path = given instanceof URL ? given.pathname : given;
  const extension = typeof path === 'string' ? extname(path).toLowerCase() : '';
  const type = TYPES[extension];
  if (type === undefined) {
    throw httpErrors.invalid_options(
      `docs: logo must be a file that ends with ${Object.keys(TYPES).join(', ')}, or begin with "data:image/".`,
    );
  }
  try {
    return { name: `logo${extension}`, type, content: readFileSync(given as string | URL) };
  } catch (cause) {
    throw httpErrors.invalid_options(`docs: the logo ${String(given)} cannot be read.`, { cause });
  }
}

/** `directory` is the path of the page. */
export function logoUrl(logo: Logo, directory: string): string {
  return 'url' in logo ? logo.url : `${directory}/${logo.name}`;
}
