import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { contextFilter, type Stage, type Step } from './dockerfile.ts';
import { run } from './run.ts';

/** Where a stage has its files here: what is "/" in its container is `root`. */
export interface Built {
  readonly stage: Stage;
  readonly root: string;
  /** The last WORKDIR. */
  readonly cwd: string;
}

/**
 * Does what the stages of a Dockerfile do, each below a folder of its own, in their order. Throws at a step that fails.
 */
export async function buildStages(
  repository: string,
  stages: readonly Stage[],
  folder: string,
  say: (text: string) => void,
): Promise<Built[]> {
  const built: Built[] = [];
  const context = await contextFiles(repository);
  for (const stage of stages) {
    const root = join(folder, `stage-${stage.name}`);
    mkdirSync(root);
    let cwd = root;
    for (const step of stage.steps) {
      say(`${stage.name}: ${describe(step)}`);
      if (step.kind === 'workdir') mkdirSync((cwd = inRoot(root, cwd, step.path)), { recursive: true });
      else if (step.kind === 'run') await runStep(step.command, root, cwd, stage);
      else copyStep(step, root, cwd, step.from === undefined ? { repository, context } : stageOf(built, step.from));
    }
    built.push({ stage, root, cwd });
  }
  return built;
}

function describe(step: Step): string {
  if (step.kind === 'workdir') return `WORKDIR ${step.path}`;
  return step.kind === 'run' ? `RUN ${step.command}` : `COPY ${step.sources.join(' ')} ${step.to}`;
}

/** A path of a container as one of this machine. */
function inRoot(root: string, cwd: string, path: string): string {
  const at = isAbsolute(path) ? join(root, path) : resolve(cwd, path);
  if (relative(root, at).startsWith('..')) throw new Error(`${path} leads out of the image`);
  return at;
}

function stageOf(built: readonly Built[], name: string): Built {
  const found = built.find(({ stage }) => stage.name === name);
  if (found === undefined) throw new Error(`COPY --from=${name}: there is no such stage before it`);
  return found;
}

async function runStep(command: string, root: string, cwd: string, stage: Stage): Promise<void> {
  // There is no container around it: a path that begins with "/" would be one of this machine. A setting that is one
  // is left out.
  if (/(^|[\s"'=])\/(?!dev\/null)/.test(command)) throw new Error(`RUN ${command}: names an absolute path`);
  const installed = join(root, 'usr/local');
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(config_local_prefix|package_|lifecycle_)|NODE_)/.test(name),
  );
  const env = {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(Object.entries(stage.env).filter(([, value]) => !value.startsWith('/'))),
    CI: 'true',
    npm_config_prefix: installed,
    PATH: [join(installed, 'bin'), dirname(process.execPath), process.env['PATH']].join(':'),
  };
  const { code, output } = await run('/bin/sh', ['-ec', command], { cwd, env });
  if (code !== 0)
    throw new Error(`RUN ${command}\nended with ${code}:\n${output.trim().split('\n').slice(-30).join('\n')}`);
}

/** The files that Docker would be given: those of a clone that `.dockerignore` lets through. */
async function contextFiles(repository: string): Promise<string[]> {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const { code, output } = await run('git', list, { cwd: repository });
  if (code !== 0) throw new Error(`git ls-files failed:\n${output}`);
  const isSent = contextFilter(repository);
  return output.split('\0').filter((path) => path !== '' && isSent(path) && existsSync(join(repository, path)));
}

type Source = Built | { readonly repository: string; readonly context: readonly string[] };

function copyStep(step: Extract<Step, { kind: 'copy' }>, root: string, cwd: string, source: Source): void {
  const to = inRoot(root, cwd, step.to);
  for (const path of step.sources) {
    // A folder gives its content, a file itself: under its name where the target ends with "/".
    const intoFolder = (isFolder: boolean): string =>
      isFolder || !step.to.endsWith('/') ? to : join(to, path.split('/').at(-1) ?? '');
    if ('context' in source) {
      const name = path.replace(/^\.?\/|\/$/g, '');
      const files = source.context.filter((file) => file === name || file.startsWith(`${name}/`));
      if (files.length === 0) throw new Error(`COPY ${path}: there is no such file, or .dockerignore keeps it out`);
      for (const file of files) {
        const target = file === name ? intoFolder(false) : join(to, relative(name, file));
        mkdirSync(dirname(target), { recursive: true });
        copyFileSync(join(source.repository, file), target);
      }
    } else {
      const from = inRoot(source.root, source.root, path);
      if (!existsSync(from)) throw new Error(`COPY ${path}: stage "${source.stage.name}" has no such file`);
      link(from, intoFolder(statSync(from).isDirectory()));
    }
  }
}

/** Copies what nobody will change: by hard links, which take neither time nor room. */
function link(from: string, to: string): void {
  if (!statSync(from).isDirectory()) return linkSync(from, to);
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) link(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
  }
}

/** Links that lead out of the folder: in a container there would be nothing at their end. */
export function strayLinks(root: string, folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return strayLinks(root, path);
    if (!entry.isSymbolicLink()) return [];
    const end = resolve(folder, readlinkSync(path));
    return relative(root, end).startsWith('..') || !existsSync(end) ? [relative(root, path)] : [];
  });
}

/**
 * Who can read everything and write only the volumes, as in a container that is read-only; undefined unless we are
 * root.
 */
export function becomeUser({ stage, root }: Built): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [uid = 0, gid = 0] = (stage.user ?? '').split(':').map(Number);
  // Temporary folders are their maker's alone.
  for (const folder of [dirname(root), root]) chmodSync(folder, 0o755);
  for (const volume of stage.volumes) chownSync(join(root, volume), uid, gid);
  return { uid, gid };
}
