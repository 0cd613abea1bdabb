import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mapLimited, run } from './run.ts';

/** The questions of `npm create @ent` and their answers, and what writes a service: @ent/create, built. */
interface Create {
  readonly CHOICES: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  writeService(options: Readonly<Record<string, string>>): Promise<string[]>;
}

export type Answers = Readonly<Record<string, string>>;

export async function readCreate(root: string): Promise<Create> {
  const built = join(root, 'packages', 'create', 'dist', 'index.js');
  return (await import(pathToFileURL(built).href)) as Create;
}

/** As many services as the question with the most answers has; each answer is in one of them. */
export function eachAnswer({ CHOICES }: Pick<Create, 'CHOICES'>): Answers[] {
  const questions = Object.entries(CHOICES).map(([question, answers]) => [question, Object.keys(answers)] as const);
  const count = Math.max(...questions.map(([, answers]) => answers.length));
  return Array.from({ length: count }, (_, at) =>
    Object.fromEntries(questions.map(([question, answers]) => [question, answers[at % answers.length]!])),
  );
}

/** Services in which any two answers of different questions meet. */
export function eachTwoAnswers({ CHOICES }: Pick<Create, 'CHOICES'>): Answers[] {
  const questions = Object.entries(CHOICES).map(([question, answers]) => [question, Object.keys(answers)] as const);
  let all: Answers[] = [{}];
  for (const [question, answers] of questions) {
    all = all.flatMap((each) => answers.map((answer) => ({ ...each, [question]: answer })));
  }
  const pairsOf = (answers: Answers): string[] => {
    const parts = Object.entries(answers).map(([question, answer]) => `${question}=${answer}`);
    return parts.flatMap((part, at) => parts.slice(at + 1).map((other) => `${part} ${other}`));
  };
  const missing = new Set(all.flatMap(pairsOf));
  const chosen: Answers[] = [];
  while (missing.size > 0) {
    const news = (answers: Answers): number => pairsOf(answers).filter((pair) => missing.has(pair)).length;
    const best = all.reduce((a, b) => (news(b) > news(a) ? b : a));
    for (const pair of pairsOf(best)) missing.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

/** What is wrong with services that were written into folders: they do not compile, or their own tests fail. */
export async function tryServices(folders: readonly string[], compiler: string): Promise<string[]> {
  // A test that runs this is none of theirs.
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
  const problems = await mapLimited(folders, 2, async (folder) => {
    const limits = { cwd: folder, env, timeoutMs: 120_000 };
    const compiled = await run(process.execPath, [join(compiler, 'bin', 'tsc'), '--pretty', 'false'], limits);
    const args = ['--test', '--test-reporter=tap', 'tests/**/*.test.ts'];
    const tested = await run(process.execPath, args, limits);
    const passed = tested.code === 0 && /^# pass [67]$/m.test(tested.output);
    return [
      ...(compiled.code === 0 ? [] : [`it does not compile:\n${compiled.output.trim().slice(0, 2000)}`]),
      ...(passed ? [] : [`its tests fail:\n${tested.output.trim().slice(-3000)}`]),
    ].map((problem) => `${folder}: ${problem}`);
  });
  return problems.flat();
}
