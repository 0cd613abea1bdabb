// Writes what the schema of the settings says into `.env.example` and the
// README; a test notices when they are out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { envExample, markdownTable } from '@ent/config/docs';
import { config } from '../src/config.ts';
import { config as providerConfig } from '../src/provider/config.ts';

const example = new URL('../.env.example', import.meta.url);
const readme = new URL('../README.md', import.meta.url);

/** The text with a table between two comments. */
function withTable(text: string, name: string, table: string): string {
  const begin = `<!-- ${name}: written by scripts/settings.ts -->\n`;
  const [before, rest] = text.split(begin) as [string, string];
  return `${before}${begin}${table}${rest.slice(rest.indexOf(`<!-- /${name} -->`))}`;
}

/** Both files as they should be. */
export function expected(): { file: URL; text: string }[] {
  const text = withTable(readFileSync(readme, 'utf8'), 'settings', markdownTable(config));
  return [
    { file: example, text: envExample(config) },
    { file: readme, text: withTable(text, 'provider', markdownTable(providerConfig)) },
  ];
}

if (import.meta.main) for (const { file, text } of expected()) writeFileSync(file, text);
