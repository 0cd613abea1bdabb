import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { missingPackage } from '../src/index.ts';

const failure = (message: string, code?: string): Error => Object.assign(new Error(message), code && { code });

it.each([
  ["Cannot find package '@scope/name' imported from /app/x.js", 'ERR_MODULE_NOT_FOUND', '@scope/name'],
  ["Cannot find module 'x/promise'", 'MODULE_NOT_FOUND', 'x'],
  ['Import "@scope/name/sub" not a dependency\n    at file:///app/x.js', 'ERR_MODULE_NOT_FOUND', '@scope/name'],
  ["Could not find package 'x' from referrer 'file:///app/x.js'.", 'ERR_MODULE_NOT_FOUND', 'x'],
  ['Could not resolve "x" imported by "@ent/cache". Is it installed?', undefined, 'x'],
])('names the package in %j', (message, code, name) => {
  expect(missingPackage(failure(message, code))).toBe(name);
});

it('names that of an error of Node.js', async () => {
  const notThere = 'not-there';
  expect(missingPackage(await import(notThere).catch((error: unknown) => error))).toBe(notThere);
  let error: unknown;
  try {
    createRequire(import.meta.url)(notThere);
  } catch (thrown) {
    error = thrown;
  }
  expect(missingPackage(error)).toBe(notThere);
});

it.each([
  ["Cannot find module '/app/y.js' imported from /app/x.js", 'ERR_MODULE_NOT_FOUND'],
  ["Cannot find module './y'", 'MODULE_NOT_FOUND'],
  ["Cannot find module 'C:\\app\\y.js'", 'MODULE_NOT_FOUND'],
  ["Cannot find package 'x' imported from /app/x.js", 'ERR_OTHER'],
  ['nothing of the kind', 'ERR_MODULE_NOT_FOUND'],
])('names nothing for %j, %s', (message, code) => {
  expect(missingPackage(failure(message, code))).toBeUndefined();
});

it('names nothing for what is no error', () => {
  expect(missingPackage("Cannot find package 'x'")).toBeUndefined();
});
