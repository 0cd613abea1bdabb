import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { expected } from '../scripts/settings.ts';

it.each(expected())(
  '$file.pathname says what the settings are (else: node --conditions=@ent/source scripts/settings.ts)',
  ({ file, text }) => {
    expect(readFileSync(file, 'utf8')).toBe(text);
  },
);
