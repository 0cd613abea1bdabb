// Writes what the schema of the settings says into `.env.example` and the
// README; a test notices when they are out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { envExample, markdownTable } from '@ent/config/docs';
import { config } from '../src/config.ts';

const BEGIN = '<!-- settings: written by scripts/settings.ts -->\n';
const END = '<!-- /settings -->';

const example = new URL('../.env.example', import.meta.url);
const readme = new URL('../README.md', import.meta.url);

/** Both files as they should be. */
export function expected(): { file: URL; text: string }[] {
  const [before, rest] = readFileSync(readme, 'utf8').split(BEGIN) as [string, string];
  const after = rest.slice(rest.indexOf(END));
  return [
    { file: example, text: envExample(config) },
    { file: readme, text: `${before}${BEGIN}${markdownTable(config)}${after}` },
  ];
}

if (import.meta.main) for (const { file, text } of expected()) writeFileSync(file, text);
