import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EntError } from '@ent/errors';
import { databaseErrors } from '@ent/database';
import { describe, expect, it } from 'vitest';

const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');

/** The cells of the Markdown table that follows `from`. */
function tableAfter(from: string): string[][] {
  const rows = readme.slice(readme.indexOf(from)).split('\n');
  const first = rows.findIndex((line) => line.startsWith('|'));
  const end = rows.findIndex((line, index) => index > first && !line.startsWith('|'));
  return rows
    .slice(first, end)
    .filter((line) => !line.startsWith('| --'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('the README', () => {
  it('lists each error code with its class, status and whether to retry', () => {
    const expected = Object.entries(databaseErrors).map(([key, make]) => {
      const error: unknown = make('x');
      if (!EntError.is(error)) throw error;
      return [`\`${key}\``, `\`${error.name}\``, String(error.status), `\`${error.retryable}\``];
    });
    const [, ...rows] = tableAfter('## Errors');
    expect(rows.map((row) => row.slice(0, 4)).sort()).toEqual(expected.sort());
  });
});
