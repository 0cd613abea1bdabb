import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDrivers } from '../check-drivers.ts';
import { renderTable, yesNo } from '../lib/driver-table.ts';
import { makeTree, repository } from './support/tree.ts';

/** A copy of the README files and manifests that the check reads. */
function copy(change: (readme: string) => string): string {
  const files = ['cache', 'database', 'messaging'].flatMap((name) =>
    ['README.md', 'package.json'].map((file) => {
      const text = readFileSync(join(repository, 'packages', name, file), 'utf8');
      return [`packages/${name}/${file}`, name === 'cache' && file === 'README.md' ? change(text) : text];
    }),
  );
  return makeTree(Object.fromEntries(files));
}

function problems(root: string, update = false): string[] {
  return checkDrivers(root, { update }).map(({ file, problem }) => `${file}: ${problem}`);
}

const outdated = ['packages/cache/README.md: the table of drivers is not what their features say'];

describe('check-drivers', () => {
  it('finds the tables of this repository as the features are', () => {
    expect(problems(repository)).toEqual([]);
  });

  it.each([
    ['a cell', (text: string) => text.replace('| no limit |', '| 1 MiB |')],
    ['a row', (text: string) => text.replace(/\| shared by processes.*\n/, '')],
    ['a column', (text: string) => text.replace('| `memory` | `redis` |', '| `redis` | `memory` |')],
  ])('notices that %s is not what the features say, and mends it with --update', (_name, change) => {
    const before = readFileSync(join(repository, 'packages/cache/README.md'), 'utf8');
    const root = copy(change);
    expect(problems(root)).toEqual(outdated);
    expect(problems(root, true)).toEqual([]);
    expect(problems(root)).toEqual([]);
    expect(readFileSync(join(root, 'packages/cache/README.md'), 'utf8')).toBe(before);
  });

  it('misses the place for a table', () => {
    const root = copy((text) => text.replace('<!-- /drivers -->', ''));
    expect(problems(root, true)).toEqual(['packages/cache/README.md: has no place for the table of drivers']);
  });
});

it('renderTable has a column for each driver, and leaves out what is no row', () => {
  const drivers = { one: { fast: true, depth: 1 }, two: { fast: false, depth: 2 } };
  expect(renderTable(drivers, { fast: ['is fast', yesNo], depth: undefined }, [['needs', 'a', 'b']])).toBe(
    '|  | `one` | `two` |\n| --- | --- | --- |\n| needs | a | b |\n| is fast | yes | no |\n',
  );
});
