import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Options } from 'tsup';
import { type Node, packageOf, parseProgram, readModule } from './lib/imports.ts';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/**
 * For a package's `open.ts`: bundlers build an application that imports it while the libraries of some drivers are not
 * installed, and the application says at run time which one it lacks.
 *
 * A driver imports its library statically, and `open.ts` the drivers by `import()`, which bundlers follow, down to the
 * library that is absent. The one place where all of them tolerate that is an `import()` of the library itself, in
 * `try`. So `open` gets each driver as a function, which imports the library so and then runs what the modules of the
 * driver do when they load. What needs no library, and with it the core, stays one copy for all subpaths.
 */
export function optionalPeers(packageDir: string, peers: readonly string[]): Plugin {
  const opener = join(packageDir, 'src', 'open.ts');
  const isPeer = (specifier: string): boolean => peers.includes(packageOf(specifier) ?? '');
  const needsPeer = (file: string): boolean => closureOf(file).flatMap(valuesOf).some(isPeer);
  return {
    name: 'optional-peers',
    setup(build) {
      if (!existsSync(opener)) return;
      /** Leaves out of the build of a driver what is there once, and the libraries. */
      const others = (driver: string): Plugin => ({
        name: 'others',
        setup: (inner) =>
          inner.onResolve({ filter: /./ }, ({ path, importer, kind }) => {
            if (kind === 'entry-point') return undefined;
            if (!path.startsWith('.')) return { path, external: true };
            const file = join(dirname(importer), path);
            return needsPeer(file) ? undefined : { path: `./${relative(dirname(driver), file)}`, external: true };
          }),
      });
      build.onLoad({ filter: /\/src\/open\.ts$/ }, ({ path }) => {
        const contents = readFileSync(path, 'utf8').replace(/\bimport\('(\.[^']+)'\)/g, (whole, specifier: string) =>
          needsPeer(join(dirname(path), specifier)) ? `import('late:${specifier}').then((late) => late.load())` : whole,
        );
        return { contents, loader: 'ts', resolveDir: dirname(path) };
      });
      build.onResolve({ filter: /^late:/ }, ({ path, importer }) => {
        const file = join(dirname(importer), path.slice('late:'.length));
        // What is built names it in a comment, so it is of no one machine.
        return { path: relative(packageDir, file), namespace: 'late' };
      });
      build.onLoad({ filter: /./, namespace: 'late' }, async ({ path: name }) => {
        const path = join(packageDir, name);
        const { outputFiles } = await build.esbuild.build({
          entryPoints: [path],
          bundle: true,
          write: false,
          format: 'esm',
          platform: 'node',
          target: build.initialOptions.target ?? 'node22',
          plugins: [others(path)],
        });
        return { contents: lateModule(path, outputFiles[0]!.text, isPeer), resolveDir: dirname(path) };
      });
    },
  };
}

/** The file, and all files that it imports for their values. */
function closureOf(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  for (const specifier of valuesOf(file)) {
    if (specifier.startsWith('.')) closureOf(join(dirname(file), specifier), seen);
  }
  return [...seen];
}

function valuesOf(file: string): string[] {
  return readModule(file).imports.flatMap(({ kind, specifier }) => (kind === 'value' ? [specifier] : []));
}

/** A module whose body waits in a function for the libraries; what it imports of ours stays as it is. */
function lateModule(file: string, code: string, isPeer: (specifier: string) => boolean): string {
  const imports: string[] = [];
  const libraries: string[] = [];
  const members: string[] = [];
  const body: string[] = [];
  const answer: string[] = [];
  for (const statement of parseProgram(file, code).program.body as unknown as Statement[]) {
    const text = code.slice(statement.start, statement.end);
    if (statement.type === 'ImportDeclaration' && isPeer(statement.source?.value ?? '')) {
      const specifier = statement.source?.value ?? '';
      if (!libraries.includes(specifier)) libraries.push(specifier);
      const library = `$library${libraries.indexOf(specifier)}`;
      for (const { type, local, imported } of statement.specifiers) {
        const member = type === 'ImportDefaultSpecifier' ? 'default' : imported?.name;
        members.push(`const ${local.name} = ${library}${member === undefined ? '' : `.${member}`};`);
      }
    } else if (statement.type === 'ImportDeclaration') imports.push(text);
    else if (statement.type === 'ExportNamedDeclaration' && statement.source === null && !statement.declaration) {
      for (const { local, exported } of statement.specifiers) answer.push(`${exported.name}: ${local.name}`);
    } else if (statement.type.startsWith('Export')) throw new Error(`${file}: "${text}" cannot be loaded late`);
    else body.push(text);
  }
  // Its own names begin with `$`: the others are those of the module, and of what it imports.
  return `${imports.join('\n')}
// Not every bundler names the members of a CommonJS module beside its default; and some, such as that of Next.js, put
// an empty module in the place of an optional peer that is not installed.
function $membersOf(name, found) {
  const members = { ...found.default, ...found };
  if (typeof found.default === 'function' || Object.keys(members).some((member) => member !== 'default')) return members;
  throw Object.assign(new Error(\`Cannot find module '\${name}'\`), { code: 'MODULE_NOT_FOUND' });
}
let $loading;
function $load() {
  return ($loading ??= $start());
}
async function $start() {
  let ${libraries.map((_, at) => `$library${at}`).join(', ')};
  try {
    ${libraries.map((library, at) => `$library${at} = $membersOf('${library}', await import('${library}'));`).join('\n    ')}
  } catch (cause) {
    throw cause; // \`openByUrl\` says what to install
  }
  ${members.join('\n  ')}
${body.join('\n')}
  return { ${answer.join(', ')} };
}
export { $load as load };
`;
}

/** A statement of a module, as far as {@link lateModule} knows it. */
interface Statement extends Node {
  readonly end: number;
  readonly source: { readonly value: string } | null;
  readonly declaration?: unknown;
  readonly specifiers: readonly {
    readonly type: string;
    readonly local: { readonly name: string };
    readonly imported?: { readonly name: string };
    readonly exported: { readonly name: string };
  }[];
}
