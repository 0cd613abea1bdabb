import { hash } from 'node:crypto';

const PLAIN = /^[\x21-\x7e]{1,200}$/;

/** Stores bound the length of keys, and some know spaces and line ends as their own: such a key is hashed. */
export function boundedKey(key: string): string {
  return PLAIN.test(key) ? key : `sha256-${hash('sha256', key, 'base64url')}`;
}
