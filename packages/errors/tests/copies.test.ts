import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// Two copies of the package in one process, as npm installs them when two dependencies ask for different versions.
const script = `
import * as one from './one/index.ts';
import * as two from './two/index.ts';
const names = Object.keys(one).filter((name) => name.endsWith('Error'));
class Mine extends one.ConflictError {}
const theirs = new two.NotFoundError('Secret?', { details: { a: 1 } });
const codes = two.defineErrors('copies', { gone: { class: one.NotFoundError, status: 410, title: 'Gone' } });
console.log(JSON.stringify({
  copies: one.EntError !== two.EntError,
  crossed: names.filter((name) => new one[name]('x') instanceof two[name] && new two[name]('x') instanceof one[name]),
  disjoint: names.every((name) => names.filter((other) => new one[name]('x') instanceof two[other] && other !== 'EntError').length === (name === 'EntError' ? 0 : 1)),
  names,
  is: one.EntError.is(theirs) && two.EntError.is(new one.CacheError('x')),
  identity: one.EntError.from(theirs) === theirs,
  mine: [new Mine('x') instanceof two.ConflictError, new two.ConflictError('x') instanceof Mine],
  wire: one.EntError.fromWire(theirs.toWire()) instanceof one.NotFoundError,
  logged: one.toErrorRecord(theirs).details,
  factory: [codes.gone('x') instanceof two.NotFoundError, codes.gone('x') instanceof one.NotFoundError, codes.gone('x').status],
  sameCodeInBoth: one.defineErrors('copies', { gone: { class: one.NotFoundError } }).gone('x').code,
}));
`;

describe('two copies of the package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ent-errors-'));
  let result: Record<string, unknown>;

  beforeAll(() => {
    const source = join(import.meta.dirname, '../src');
    cpSync(source, join(folder, 'one'), { recursive: true });
    cpSync(source, join(folder, 'two'), { recursive: true });
    // What the build bundles.
    mkdirSync(join(folder, 'node_modules/@ent'), { recursive: true });
    symlinkSync(join(import.meta.dirname, '../../internal'), join(folder, 'node_modules/@ent/internal'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'script.ts'), script);
    result = JSON.parse(execFileSync(process.execPath, ['script.ts'], { cwd: folder, encoding: 'utf8' }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('recognise each other by instanceof and is()', () => {
    expect(result['copies']).toBe(true);
    expect(result['crossed']).toEqual(result['names']);
    expect(result['disjoint']).toBe(true);
    expect(result['is']).toBe(true);
  });

  it('take each other without wrapping', () => {
    expect(result).toMatchObject({ identity: true, wire: true, logged: { a: 1 }, factory: [true, true, 410] });
  });

  it('leave the classes of an application their own', () => {
    expect(result['mine']).toEqual([true, false]);
  });

  it('keep a registry each, so that two versions of one dependency do not collide', () => {
    expect(result['sameCodeInBoth']).toBe('copies.gone');
  });
});
