import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDrivers } from '../check-drivers.ts';
import { cellOf, renderTable } from '../lib/driver-table.ts';
import { addFiles, makeTree, manifestOf, repository } from './support/tree.ts';

const place = '<!-- drivers: written by scripts/check-drivers.ts -->\n<!-- /drivers -->\n';

/** A package with one driver. */
function oneDriver(): string {
  return makeTree({
    'README.md': `# All\n\n${place}`,
    'packages/queue/README.md': `# Queue\n\n${place}\nMore.\n`,
    'packages/queue/package.json': manifest({ './memory': 'drivers/memory' }),
    'packages/queue/src/driver.ts': `
      export interface QueueFeatures {
        /** What a message survives. A crash is no restart. */
        readonly durability: 'none' | 'disk';
        /**
         * The longest message in bytes, or null for {@link NO_LIMIT}. Longer ones
         * are refused.
         */
        readonly maxMessageBytes: number | null;
        readonly leaseMs: number;
        /** How it is asked. @hidden */
        readonly joins: boolean;
      }`,
    'packages/queue/src/drivers/memory.ts':
      "/** A queue in this process. For tests. */\nimport type { QueueFeatures } from '../driver.ts';\n" +
      "export const memoryFeatures = { durability: 'none', maxMessageBytes: null, leaseMs: 500, joins: false } satisfies QueueFeatures;\n",
  });
}

function manifest(drivers: Record<string, string>): object {
  const peerDependencies = { 'big-rabbit': '^2.0.0 || ^3.0.0', hare: '^1.0.0' };
  return manifestOf('queue', { '.': 'index', ...drivers }, { peerDependencies });
}

async function problems(root: string, update = false): Promise<string[]> {
  return (await checkDrivers(root, { update })).map(({ file, problem }) => `${file}: ${problem}`);
}

function tableIn(root: string, file: string): string {
  return /-->\n([^]*?)<!--/.exec(readFileSync(join(root, file), 'utf8'))?.[1] ?? '';
}

const outdated = (file: string) => `${file}: the table of drivers is not what their features say`;

describe('check-drivers', () => {
  it('finds the tables of this repository as the features are', async () => {
    expect(await problems(repository)).toEqual([]);
  });

  it('writes what a driver is, needs and can do, by the words of the contract', async () => {
    const root = oneDriver();
    expect(await problems(root)).toEqual([outdated('packages/queue/README.md'), outdated('README.md')]);
    expect(await problems(root, true)).toEqual([]);
    expect(await problems(root)).toEqual([]);
    expect(readFileSync(join(root, 'packages/queue/README.md'), 'utf8')).toMatch(/^# Queue\n[^]*\nMore\.\n$/);
    expect(tableIn(root, 'packages/queue/README.md')).toBe(
      [
        '|  | `memory` |',
        '| --- | --- |',
        '| import | `@ent/queue/memory` |',
        '| needs | nothing |',
        '| What a message survives | none |',
        '| The longest message in bytes, or null for `NO_LIMIT` | no limit |',
        '| `leaseMs` | 500 ms |',
        '',
      ].join('\n'),
    );
    expect(tableIn(root, 'README.md')).toContain('| `@ent/queue/memory` | A queue in this process. | nothing |\n');
  });

  it('shows a driver that was added, with the peers that its files import, and no script was edited', async () => {
    const root = oneDriver();
    await problems(root, true);
    addFiles(root, {
      'packages/queue/package.json': manifest({
        './memory': 'drivers/memory',
        './rabbit-stream': 'drivers/rabbit-stream/index',
        './rabbit-stream-extras': 'drivers/rabbit-stream/extras',
        './testing': 'testing',
      }),
      'packages/queue/src/drivers/rabbit-stream/index.ts':
        '// Streams of a rabbit.\n\n' +
        "export { rabbitStreamFeatures } from './features.ts';\nexport type { Link } from './link.ts';\n",
      'packages/queue/src/drivers/rabbit-stream/features.ts':
        "export const rabbitStreamFeatures = { durability: 'disk', maxMessageBytes: 131_072, leaseMs: 60_000, joins: true };\n",
      'packages/queue/src/drivers/rabbit-stream/link.ts':
        "import type { Client } from 'big-rabbit/client';\nexport type Link = Client;\n",
      'packages/queue/src/drivers/rabbit-stream/extras.ts': "export const more = () => import('hare');\n",
    });
    expect(await problems(root)).toEqual([outdated('packages/queue/README.md'), outdated('README.md')]);
    await problems(root, true);
    expect(tableIn(root, 'packages/queue/README.md').split('\n').slice(0, 6)).toEqual([
      '|  | `memory` | `rabbit-stream` |',
      '| --- | --- | --- |',
      '| import | `@ent/queue/memory` | `@ent/queue/rabbit-stream` |',
      '| needs | nothing | big-rabbit ^2.0.0 \\|\\| ^3.0.0 |',
      '| What a message survives | none | disk |',
      '| The longest message in bytes, or null for `NO_LIMIT` | no limit | 128 KiB |',
    ]);
    expect(tableIn(root, 'README.md')).toContain(
      '| `@ent/queue/rabbit-stream` | Streams of a rabbit. | big-rabbit ^2.0.0 \\|\\| ^3.0.0 |\n',
    );
  });

  it('wants the features, and a comment on the backend', async () => {
    const root = oneDriver();
    addFiles(root, { 'packages/queue/src/drivers/memory.ts': 'export const features = {};\n' });
    expect((await problems(root)).slice(0, 2)).toEqual([
      'packages/queue/src/drivers/memory.ts: exports no memoryFeatures',
      'packages/queue/src/drivers/memory.ts: does not begin with a comment on its backend',
    ]);
  });

  it('misses the place for a table', async () => {
    const root = oneDriver();
    addFiles(root, { 'packages/queue/README.md': '# Queue\n' });
    expect((await problems(root, true))[0]).toBe('packages/queue/README.md: has no place for the table of drivers');
  });

  it.each([
    ['a cell', (text: string) => text.replace('| no limit |', '| 1 MiB |')],
    ['a row', (text: string) => text.replace(/\| What a message.*\n/, '')],
    ['a column', (text: string) => text.replace('| `memory` |', '| `memory` | `redis` |')],
  ])('notices that %s is not what the features say, and mends it with --update', async (_name, change) => {
    const root = oneDriver();
    const file = 'packages/queue/README.md';
    await problems(root, true);
    const before = readFileSync(join(root, file), 'utf8');
    addFiles(root, { [file]: change(before) });
    expect(await problems(root)).toEqual([outdated(file)]);
    expect(await problems(root, true)).toEqual([]);
    expect(readFileSync(join(root, file), 'utf8')).toBe(before);
  });
});

it('cellOf takes the unit from the name of the feature', () => {
  expect(
    [
      ['maxBytes', 2 ** 29],
      ['maxBytes', 1023 * 1024],
      ['maxBytes', 100],
      ['leaseMs', 1_000],
      ['leaseMs', 1_500],
      ['levels', ['a', 'b']],
      ['depth', 3],
      ['depth', null],
      ['fast', true],
      ['fast', false],
    ].map(([name, value]) => cellOf(name as string, value)),
  ).toEqual(['512 MiB', '1023 KiB', '100 bytes', '1 s', '1500 ms', 'a, b', '3', 'no limit', 'yes', 'no']);
});

it('renderTable escapes what would end a cell', () => {
  expect(renderTable(['', 'a'], [['x', '1 || 2']])).toBe('|  | a |\n| --- | --- |\n| x | 1 \\|\\| 2 |\n');
});
