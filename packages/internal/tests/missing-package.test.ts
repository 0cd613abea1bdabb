import { expect, it } from 'vitest';
import { missingPackage } from '../src/index.ts';

it('names the package that an import did not find, and nothing for other errors', async () => {
  const notFound = (message: string): Error => Object.assign(new Error(message), { code: 'ERR_MODULE_NOT_FOUND' });
  expect(missingPackage(notFound("Cannot find package '@scope/name' imported from /app/x.js"))).toBe('@scope/name');
  expect(missingPackage(notFound("Cannot find module '/app/y.js' imported from /app/x.js"))).toBeUndefined();
  expect(missingPackage(new Error("Cannot find package 'x' imported from /app/x.js"))).toBeUndefined();
  expect(missingPackage('x')).toBeUndefined();
});
