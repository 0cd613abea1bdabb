import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { memory } from '../src/drivers/memory.ts';

const drivers = [memory()];

it('the table of drivers in the README says what their features say', () => {
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
  const table = /<!-- features -->\s*([^<]*?)\s*<!-- \/features -->/.exec(readme)?.[1] ?? '';
  const rows = table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const names = Object.keys(memory().features);
  const words = new Map<unknown, string>([
    [null, 'none'],
    [true, 'yes'],
    [false, 'no'],
  ]);
  const word = (value: string | number | boolean | null): string => words.get(value) ?? String(value);
  expect(rows[0]).toEqual(['driver', ...names]);
  expect(rows.slice(2)).toEqual(
    drivers.map(({ name, features }) => [`\`${name}()\``, ...Object.values(features).map(word)]),
  );
});
