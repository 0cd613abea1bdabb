#!/usr/bin/env node
// The program behind `npm create @ent`. What it can do: `npm create @ent -- --help`.
import { basename, relative, resolve } from 'node:path';
import * as prompts from '@clack/prompts';
import { EntError } from '@ent/errors';
import { parseCommandLine, runProgram, startProgram, UsageError } from '@ent/internal';
import { answersOf, type Choices, choiceOf, QUESTIONS, type Question } from './choices.ts';
import { serviceErrors } from './errors.ts';
import { writeService, demandEmpty, nameOf } from './service.ts';

const HELP = `create-ent: writes a small service on the packages of @ent.

npm create @ent@latest FOLDER -- [options]

${QUESTIONS.map((question) => `  --${question.padEnd(10)} ${answersOf(question).join(', ')}`).join('\n')}
  --name       as npm takes it; the folder's where it is left out
  --yes        asks nothing: what is left out is the first of each
  --help       this

On a terminal it asks for what is left out.
`;

const OPTIONS = {
  database: { type: 'string' },
  cache: { type: 'string' },
  broker: { type: 'string' },
  host: { type: 'string' },
  auth: { type: 'string' },
  name: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies Record<Question, { type: 'string' }> & Record<string, object>;

/**
 * Runs `create-ent`, and answers its exit code: 0, 1 where a folder is not empty, 2 for a wrong use, 130 where somebody
 * has given up. It writes to the standard output and error of this process.
 *
 * @param argv without the program: `['shop', '--database', 'postgres', '--yes']`
 * @throws `create.invalid_options` for what is no list of texts, and nothing else
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (!Array.isArray(argv) || !argv.every((arg) => typeof arg === 'string')) {
    throw serviceErrors.invalid_options('main of create-ent takes a list of texts.');
  }
  return runProgram('create-ent', argv, () => run(argv), meaningOf);
}

async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(argv, OPTIONS);
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 1) throw new UsageError(`One folder, and not ${positionals.length}.`);
  const given = Object.fromEntries(
    QUESTIONS.flatMap((question) => (values[question] === undefined ? [] : [[question, values[question]]])),
  ) as Partial<Choices>;
  for (const [question, answer] of Object.entries(given)) demandAnswer(question as Question, answer);
  const asks = values.yes !== true && process.stdin.isTTY === true && process.stdout.isTTY === true;
  let [folder] = positionals;
  if (folder !== undefined) check(folder, values.name);
  if (!asks && folder === undefined) throw new UsageError('Name the folder of the new service.');
  if (asks) {
    const answers = await ask(folder, given);
    if (answers === undefined) return GIVEN_UP;
    folder = answers.folder;
    Object.assign(given, answers.choices);
  }
  const files = await writeService({ folder: folder!, name: values.name, ...given });
  const where = relative('.', resolve(folder!)) || '.';
  const next = ['npm install', 'npm start'];
  if (where !== '.') next.unshift(`cd ${where}`);
  const say = `${files.length} files are in ${where}. Then:\n\n  ${next.join('\n  ')}\n`;
  if (asks) prompts.outro(say);
  else process.stdout.write(`${say}\n`);
  return 0;
}

const GIVEN_UP = 130;

function demandAnswer(question: Question, answer: string): void {
  if (answersOf(question).includes(answer)) return;
  throw new UsageError(`"${answer}" is no ${question}: there is ${answersOf(question).join(', ')}.`);
}

function check(folder: string, name: string | undefined): void {
  nameOf(name ?? basename(resolve(folder)));
  demandEmpty(resolve(folder));
}

/** Asks for what was not given; undefined where somebody gives up. */
async function ask(
  given: string | undefined,
  choices: Partial<Choices>,
): Promise<{ folder: string; choices: Partial<Choices> } | undefined> {
  prompts.intro('A new service on @ent');
  const folder =
    given ??
    (await prompts.text({
      message: 'Its folder',
      placeholder: './my-service',
      defaultValue: './my-service',
      validate(text) {
        try {
          check(text === undefined || text === '' ? './my-service' : text, undefined);
          return undefined;
        } catch (error) {
          return (error as Error).message;
        }
      },
    }));
  if (prompts.isCancel(folder)) return undefined;
  const answers: Record<string, string> = {};
  for (const question of QUESTIONS.filter((each) => choices[each] === undefined)) {
    const options = answersOf(question).map((value) => ({ value, label: choiceOf(question, value).label }));
    const answer = await prompts.select({ message: question, options });
    if (prompts.isCancel(answer)) return undefined;
    answers[question] = answer;
  }
  return { folder, choices: answers };
}

function meaningOf(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof UsageError) return { text: error.message, code: 2 };
  if (!EntError.is(error)) return { text: String(error), code: 3 };
  return { text: `${error.message} (${error.code})`, code: error.code === serviceErrors.invalid_options.code ? 2 : 1 };
}

startProgram(import.meta.filename, main);
