import { parse } from 'dotenv';
import { configErrors } from './errors.ts';
import type { Variable } from './options.ts';

/** What the generators read of a config; see `Config.variables`. */
export interface Documented {
  readonly variables: readonly Variable[];
}

/**
 * A `.env.example`: every variable with what it takes. Those with a default stand in a comment with
 * it; required ones stand with their example (`.meta({ example })`) or empty; secrets are never
 * filled in. Uncommented, it gives the same settings.
 *
 * ```ts
 * import { defineConfig } from '@ent/config';
 * import { envExample } from '@ent/config/docs';
 * import { z } from 'zod';
 *
 * const config = defineConfig(z.object({ port: z.number().default(8000).describe('Where it listens.') }));
 * console.log(envExample(config)); // # Where it listens. Takes a number.\n# PORT=8000
 * ```
 */
export function envExample(config: Documented): string {
  return variablesOf(config, 'envExample').map(exampleOf).join('\n');
}

function variablesOf(config: Documented, who: string): readonly Variable[] {
  const given: unknown = (config as Documented | null | undefined)?.variables;
  if (Array.isArray(given)) return config.variables;
  throw configErrors.invalid_options(`${who}: give it what defineConfig() gives.`);
}

function exampleOf(variable: Variable): string {
  const facts = [
    variable.description,
    variable.expected === 'text' ? '' : `Takes ${variable.expected}.`,
    variable.secret ? `Secret; or name a file with it in ${variable.name}_FILE.` : '',
  ]
    .filter(Boolean)
    .join(' ');
  const text = variable.default ?? variable.example ?? '';
  const entry = `${variable.name}=${text === '' ? '' : quote(text)}`;
  const lines = facts.split('\n').map((line) => `# ${line}`);
  // What is not required stays a comment, so that a copy of the file does not freeze today's defaults.
  return `${[...lines, variable.required ? entry : `# ${entry}`].join('\n')}\n`;
}

/** The notation that dotenv reads back as the same text. */
function quote(text: string): string {
  const forms = [text, `'${text}'`, `"${text}"`, `\`${text}\``, `"${text.replaceAll('\n', '\\n')}"`];
  const isLine = (form: string): boolean => !/[\r\n]/.test(form);
  return forms.find((form) => isLine(form) && parse(`X=${form}`)['X'] === text) ?? '';
}

/** A Markdown table of the variables. */
export function markdownTable(config: Documented): string {
  const rows = variablesOf(config, 'markdownTable').map((variable) => [
    `\`${variable.name}\``,
    variable.secret ? `${variable.expected} (secret, or \`${variable.name}_FILE\`)` : variable.expected,
    variable.required ? '**required**' : code(variable.default ?? ''),
    variable.description ?? '',
  ]);
  return [['variable', 'takes', 'default', 'meaning'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.map(cell).join(' | ')} |\n`)
    .join('');
}

function code(text: string): string {
  if (text === '') return '';
  // A code span is fenced by more backticks than it contains in a row.
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${text}${fence}` : `${fence} ${text} ${fence}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\r?\n/g, ' ');
}

/**
 * The variables that a hand-written `.env.example` lacks, commented out or not. Empty when
 * it is complete, so that a test can ask for it.
 */
export function missingFromExample(config: Documented, text: string): string[] {
  const variables = variablesOf(config, 'missingFromExample');
  if (typeof text !== 'string') throw configErrors.invalid_options('missingFromExample: give it the text of the file.');
  const present = new Set(
    [...text.matchAll(/^[ \t]*(?:#[ \t]*)?(?:export[ \t]+)?([\w.-]+)[ \t]*=/gm)].map(([, name]) => name),
  );
  return variables.map(({ name }) => name).filter((name) => !present.has(name) && !present.has(`${name}_FILE`));
}
