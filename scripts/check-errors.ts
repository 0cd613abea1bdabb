// Error codes: spelled out where they are defined, in the namespace of their package, unique, and listed in its README.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { type Node, parseProgram, walk } from './lib/imports.ts';
import { filesUnder, lineOf, type Package, readPackages } from './lib/workspace.ts';

interface Code {
  readonly code: string;
  readonly file: string;
  readonly line: number;
}

export function checkErrors(root: string): Finding[] {
  const findings: Finding[] = [];
  const first = new Map<string, Code>();
  for (const pkg of readPackages(root)) {
    const { codes, findings: inPackage } = codesOf(root, pkg);
    findings.push(...inPackage);
    const readme = join(pkg.dir, 'README.md');
    const documented = existsSync(readme) ? readFileSync(readme, 'utf8') : undefined;
    for (const code of codes) {
      const other = first.get(code.code);
      if (other) {
        findings.push({
          file: code.file,
          line: code.line,
          problem: `the error code "${code.code}" is defined already, at ${other.file}:${other.line}`,
          fix: 'callers switch on the code: give it a name of its own',
        });
        continue;
      }
      first.set(code.code, code);
      // A table of codes may leave out the name of the package, which begins them all.
      const spellings = [code.code, code.code.slice(pkg.name.length + 1)].map((spelling) => `\`${spelling}\``);
      if (documented !== undefined && !spellings.some((spelling) => documented.includes(spelling))) {
        findings.push({
          file: code.file,
          line: code.line,
          problem: `the error code "${code.code}" is not in ${relative(root, readme)}`,
          fix: `list it there as \`${code.code}\`, with its status and what to do`,
        });
      }
    }
  }
  return findings;
}

/** The codes that a package defines: the keys of the literal in `defineErrors('<package>', { key: ... })`. */
function codesOf(root: string, pkg: Package): { codes: Code[]; findings: Finding[] } {
  const codes: Code[] = [];
  const findings: Finding[] = [];
  for (const path of filesUnder(join(pkg.dir, 'src'), (each) => each.endsWith('.ts'))) {
    const source = readFileSync(path, 'utf8');
    if (!source.includes('defineErrors(')) continue;
    const file = relative(root, path);
    walk(parseProgram(path, source).program, (node) => {
      if (node.type !== 'CallExpression' || (node['callee'] as { name?: string }).name !== 'defineErrors') return;
      const line = lineOf(source, node.start);
      const [namespace, entries] = node['arguments'] as (Node & { value?: unknown; properties?: Node[] })[];
      if (namespace?.value !== pkg.name) {
        findings.push({
          file,
          line,
          problem: `defineErrors() has the namespace ${JSON.stringify(namespace?.value)}`,
          fix: `codes of this package begin with its name: defineErrors('${pkg.name}', ...)`,
        });
        return;
      }
      if (!entries?.properties) {
        findings.push({
          file,
          line,
          problem: 'defineErrors() without a literal',
          fix: 'spell the codes out: they are searched for',
        });
        return;
      }
      for (const property of entries.properties) {
        const key = property['key'] as { name?: string; value?: unknown } | undefined;
        const name = key?.name ?? key?.value;
        const at = lineOf(source, property.start);
        if (typeof name !== 'string' || property['computed'] === true || !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) {
          findings.push({
            file,
            line: at,
            problem: `an error code that is no snake_case name`,
            fix: 'write it as cache.timed_out',
          });
        } else codes.push({ code: `${pkg.name}.${name}`, file, line: at });
      }
    });
  }
  return { codes, findings };
}

if (import.meta.main) await main(checkErrors);
