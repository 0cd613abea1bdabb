import { jsonPointer } from '@ent/internal';
import { parse as parseSecureJson } from 'secure-json-parse';
import { middlewareErrors } from '../errors.ts';

/** What JSON may be made of. */
export interface JsonLimits {
  readonly maxDepth: number;
  /** Of all objects together. */
  readonly maxKeys: number;
}

/**
 * Parses JSON that a stranger wrote.
 *
 * @throws `middleware.body_unparsable`
 */
export function parseJson(text: string, { maxDepth, maxKeys }: JsonLimits): unknown {
  // Looked at before it is parsed: what walks the result (validators, serialisers) recurses.
  if (depthOver(text, maxDepth))
    throw middlewareErrors.body_unparsable(`The body is nested deeper than ${maxDepth} levels.`);
  if (maxKeys !== Infinity && keysOver(text, maxKeys))
    throw middlewareErrors.body_unparsable(`The objects of the body have more than ${maxKeys} keys.`);
  try {
    if (!mayPoison(text)) return JSON.parse(text) as unknown;
    return parseSecureJson(text, { protoAction: 'error', constructorAction: 'error' }) as unknown;
  } catch {
    // No cause: the parser's message quotes the body.
    throw forbiddenKey(text) ?? middlewareErrors.body_unparsable('The body is not valid JSON.');
  }
}

/**
 * Whether a text may have one of the keys that poison, written plainly or with escapes; or a byte order mark, which the
 * parser of the library takes. To look for what nearly no text has costs less than what the library does.
 */
function mayPoison(text: string): boolean {
  return (
    text.includes('__proto__') || text.includes('constructor') || text.includes('\\u') || text.charCodeAt(0) === BOM
  );
}

/** The error for a body that is JSON and was refused for one of its keys; `undefined` when it is no JSON. */
function forbiddenKey(text: string): Error | undefined {
  let path: string[] | undefined;
  try {
    path = pathToPoison(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
  if (path === undefined) return undefined;
  const key = path.at(-1) === '__proto__' ? '__proto__' : 'constructor.prototype';
  return middlewareErrors.body_unparsable(`The body has the key "${key}", which is not accepted.`, {
    issues: [{ pointer: jsonPointer(path), in: 'body', code: 'forbidden_key', detail: 'This key is not accepted' }],
  });
}

/** Where the first key stands that poisons. The depth was looked at before. */
function pathToPoison(value: unknown): string[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const key of Object.keys(value)) {
    // The descriptor, since to read "__proto__" is to read the prototype.
    const inner = Object.getOwnPropertyDescriptor(value, key)?.value as unknown;
    if (key === '__proto__') return [key];
    if (key === 'constructor' && typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype'))
      return [key, 'prototype'];
    const path = pathToPoison(inner);
    if (path !== undefined) return [key, ...path];
  }
  return undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const BOM = 0xfeff;

/** Counts brackets outside of strings. On text that is not JSON the count may be off; then the parser refuses it. */
function depthOver(text: string, max: number): boolean {
  if (opensAtMost(text, max)) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === BACKSLASH) i++;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else if (char === 0x5b || char === 0x7b) {
      if (++depth > max) return true;
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
  return false;
}

/** Most bodies have fewer brackets, in strings or not, than may stand in each other. */
function opensAtMost(text: string, max: number): boolean {
  let left = max;
  for (const bracket of ['[', '{']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) if (--left < 0) return false;
  }
  return true;
}

/** Counts colons outside of strings: each key has one. */
function keysOver(text: string, max: number): boolean {
  let left = max;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === BACKSLASH) i++;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else if (char === COLON && --left < 0) return true;
  }
  return false;
}
