import { describe, expect, it } from 'vitest';
import { parseBearer } from '../src/index.ts';

const code = (header: unknown): string => {
  try {
    return parseBearer(header as never);
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('parseBearer', () => {
  it.each([
    ['Bearer abc.def-_~+/=='],
    ['bearer abc.def-_~+/=='],
    ['BEARER abc.def-_~+/=='],
    ['Bearer   abc.def-_~+/=='],
    [['Bearer abc.def-_~+/==']],
  ])('reads %j', (header) => {
    expect(parseBearer(header)).toBe('abc.def-_~+/==');
  });

  it.each([
    undefined,
    null,
    '',
    [],
    'Basic dXNlcjpwYXNz',
    'DPoP abc',
    'Token abc',
    'abc.def.ghi',
    'BearerX abc',
    'Negotiate Bearer abc',
    ' Bearer abc',
  ])('finds no bearer token in %j', (header) => {
    expect(['auth.token_missing', 'auth.token_invalid']).toContain(code(header));
  });

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer abc,Bearer def',
    'Bearer abc, Basic x',
    'Bearer\tabc',
    'Bearer abc\n',
    'Bearer abc\r\nX: y',
    'Bearer "abc"',
    'Bearer abc=def',
    'Bearer token=abc',
    'Bearer é',
    'Bearer abc\0',
    `Bearer ${'a'.repeat(9000)}`,
    ['Bearer abc', 'Bearer def'],
    { toString: () => 'Bearer abc' },
  ])('refuses %j', (header) => {
    expect(code(header)).toBe('auth.token_invalid');
  });

  it('answers a request without a token with the bare challenge', () => {
    expect(() => parseBearer(undefined)).toThrow(
      expect.objectContaining({ status: 401, headers: { 'www-authenticate': 'Bearer' } }),
    );
  });
});
