import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineConfig, Secret, secret } from '../src/index.ts';

describe('a Secret', () => {
  const value = new Secret('hunter2');
  // What happens to it in a template, where the types would not allow it.
  const text = value as unknown as string;

  it('prints as *** everywhere', () => {
    const printed = [
      String(value),
      `${text}`,
      `${text} and more`,
      value.toString(),
      text + '',
      JSON.stringify({ value, list: [value] }),
      inspect(value),
      inspect({ value }, { showHidden: true, depth: 9, getters: true }),
      format('%s %o %O %j', value, value, value, value),
      inspect(value, { customInspect: false, showHidden: true }),
      Object.prototype.toString.call(value),
      JSON.stringify(Object.entries(value)),
      JSON.stringify(structuredClone({ value })),
      [value].join(),
      new Error(`failed with ${text}`).message,
    ];
    for (const each of printed) expect(each).not.toContain('hunter2');
    expect(printed.slice(0, 2)).toEqual(['***', '***']);
    expect(printed[5]).toBe('{"value":"***","list":["***"]}');
    expect(printed[6]).toBe('***');
  });

  it('gives its value only when asked', () => {
    expect(value.reveal()).toBe('hunter2');
    expect(Object.keys(value)).toEqual([]);
    expect(Object.isFrozen(value)).toBe(true);
  });

  it('is what secret() makes, also below and above other schemas', () => {
    const schema = z.object({
      a: secret(),
      b: secret(z.string().min(2)).optional(),
      c: secret().refine((s) => s.reveal() !== ''),
      d: secret().default(new Secret('d')),
      e: secret().readonly(),
    });
    const config = defineConfig(schema, { dir: false, env: { A: 'aa', B: 'bb', C: 'cc', E: 'ee' } });
    const settings = config.load();
    expect(inspect(settings)).toBe('{ a: ***, b: ***, c: ***, d: ***, e: *** }');
    expect(JSON.stringify(settings)).toBe('{"a":"***","b":"***","c":"***","d":"***","e":"***"}');
    expect([settings.a.reveal(), settings.b?.reveal(), settings.d.reveal()]).toEqual(['aa', 'bb', 'd']);
    expect(config.variables.every((variable) => variable.secret)).toBe(true);
  });
});
