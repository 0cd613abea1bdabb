import dockerignore from '@balena/dockerignore';
import {
  type Copy,
  DockerfileParser,
  type Env,
  type From,
  type Instruction,
  type JSONInstruction,
} from 'dockerfile-ast';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a Dockerfile does to the files of a stage. */
export type Step =
  | { readonly kind: 'workdir'; readonly path: string }
  | { readonly kind: 'run'; readonly command: string }
  | { readonly kind: 'copy'; readonly from?: string; readonly sources: readonly string[]; readonly to: string };

/** A stage with all that it has of the one it is made of, and what its image says of how it is started. */
export interface Stage {
  /** Its name after `AS`, else its number. */
  readonly name: string;
  /** The image that it begins with, also where that is said by another stage. */
  readonly image: string;
  readonly steps: readonly Step[];
  readonly env: Readonly<Record<string, string>>;
  readonly user?: string | undefined;
  readonly volumes: readonly string[];
  /** The words of ENTRYPOINT and CMD in their form without a shell; undefined where there is a shell. */
  readonly command?: readonly string[] | undefined;
  /** The same of HEALTHCHECK. */
  readonly probe?: readonly string[] | undefined;
}

/** Its declarations say that it exports `default`; what it exports is the function itself (1.0.2). */
const ignore = dockerignore as unknown as typeof dockerignore.default;

/** Instructions that name no file and start nothing. */
const PASSED_OVER = new Set(['EXPOSE', 'LABEL', 'STOPSIGNAL']);

/** Reads the stages of a Dockerfile. Throws for what `images` could not do as Docker would. */
export function readDockerfile(file: string): Stage[] {
  const stages: { -readonly [Key in keyof Stage]: Stage[Key] }[] = [];
  const steps: Step[][] = [];
  for (const instruction of DockerfileParser.parse(readFileSync(file, 'utf8')).getInstructions()) {
    const keyword = instruction.getKeyword();
    if (keyword === 'FROM') {
      const from = instruction as From;
      const image = from.getImage() ?? '';
      // What is made of another stage begins with all that it has.
      const base = stages.find((each) => each.name === image) ?? { image, steps: [], env: {}, volumes: [] };
      const own = [...base.steps];
      steps.push(own);
      stages.push({ ...base, name: from.getBuildStage() ?? String(stages.length), steps: own });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`${file}: ${keyword} before the first FROM`);
    const words = instruction.getArguments().map((each) => each.getValue());
    if (keyword === 'WORKDIR') steps.at(-1)?.push({ kind: 'workdir', path: words.join(' ') });
    else if (keyword === 'RUN') steps.at(-1)?.push({ kind: 'run', command: textOf(instruction) });
    else if (keyword === 'COPY') steps.at(-1)?.push(readCopy(instruction as Copy));
    else if (keyword === 'ENV') stage.env = { ...stage.env, ...readEnv(instruction as Env) };
    else if (keyword === 'USER') [stage.user] = words;
    else if (keyword === 'VOLUME') stage.volumes = execForm(instruction) ?? words;
    else if (keyword === 'ENTRYPOINT' || keyword === 'CMD') {
      const form = execForm(instruction);
      stage.command = form && [...(stage.command ?? []), ...form];
    } else if (keyword === 'HEALTHCHECK') {
      // The parser knows nothing of the list after CMD.
      const list = /^CMD\s+(\[.*\])$/s.exec(textOf(instruction))?.[1];
      stage.probe = list === undefined ? undefined : (JSON.parse(list) as string[]);
    } else if (!PASSED_OVER.has(keyword)) {
      throw new Error(`${file}: this check cannot do ${keyword}; teach it scripts/lib/dockerfile.ts`);
    }
  }
  return stages;
}

function textOf(instruction: Instruction): string {
  return instruction.getArgumentsContent()?.trim() ?? '';
}

function execForm(instruction: Instruction): string[] | undefined {
  const strings = (instruction as JSONInstruction).getJSONStrings();
  return strings.length === 0 ? undefined : strings.map((each) => each.getJSONValue());
}

function readEnv(instruction: Env): Record<string, string> {
  return Object.fromEntries(instruction.getProperties().map((each) => [each.getName(), each.getValue() ?? '']));
}

function readCopy(instruction: Copy): Step {
  const paths = instruction.getArguments().map((each) => each.getValue());
  const from = instruction
    .getFlags()
    .find((flag) => flag.getName() === 'from')
    ?.getValue();
  return { kind: 'copy', sources: paths.slice(0, -1), to: paths.at(-1) ?? '', ...(from && { from }) };
}

/** Which files of the repository Docker is given, by `.dockerignore`. */
export function contextFilter(root: string): (path: string) => boolean {
  const file = join(root, '.dockerignore');
  return ignore()
    .add(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [])
    .createFilter();
}
