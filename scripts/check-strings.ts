// Nothing in the repository speaks of the machine that it was written on: its folders, its registry, a half-done merge.
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finding, main } from './lib/findings.ts';
import { run } from './lib/run.ts';
import { lineOf } from './lib/workspace.ts';

const PUBLIC_REGISTRY = 'registry.npmjs.org';

interface Rule {
  readonly pattern: RegExp;
  readonly problem: string;
  readonly fix: string;
}

const RULES: readonly Rule[] = [
  {
    pattern: /(?<![\w.~}/-])\/(?:home|Users)\/[A-Za-z][\w.-]*\/|(?<![\w.~}/-])\/root\/|\b[A-Z]:\\Users\\/g,
    problem: 'names a folder of somebody’s machine',
    fix: 'use a relative path, os.tmpdir() or os.homedir()',
  },
  {
    // Anywhere in a line: what wraps comments takes a mark into one.
    pattern: /(?<![<>|])(?:<{7}|>{7}|\|{7}) /gm,
    problem: 'has the mark of a merge conflict',
    fix: 'resolve the conflict',
  },
  {
    pattern: /^(?:.*:)?(?:_authToken|_password|_auth)\s*=/gm,
    problem: 'has the credentials of a registry',
    fix: 'they belong into ~/.npmrc or the environment',
  },
  {
    pattern: /^\s*(?:@[\w-]+:)?registry\s*=\s*["']?https?:/gm,
    problem: 'sets a registry',
    fix: 'everyone has their own: it belongs into ~/.npmrc',
  },
  {
    pattern: /\btarball: https?:|"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/g,
    problem: 'has the address of one registry in a lockfile',
    fix: 'set lockfileIncludeTarballUrl to false, and install again',
  },
];

export async function checkStrings(root: string): Promise<Finding[]> {
  const rules = [...RULES, ...(await rulesOfThisMachine(root))];
  const { code, output } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  });
  if (code !== 0) throw new Error(`git ls-files failed:\n${output}`);
  const findings: Finding[] = [];
  for (const file of new Set(output.split('\0').filter(Boolean))) {
    // The patterns themselves.
    if (file === 'scripts/check-strings.ts' || file === 'scripts/tests/texts.test.ts') continue;
    const text = readText(join(root, file));
    for (const { pattern, problem, fix } of rules) {
      for (const { index, 0: match } of text.matchAll(pattern)) {
        findings.push({ file, line: lineOf(text, index), problem: `${problem}: ${match.trim()}`, fix });
      }
    }
  }
  return findings;
}

/** Where this copy of the repository is, and the registry that npm asks here, if it is not the public one. */
async function rulesOfThisMachine(root: string): Promise<Rule[]> {
  const rules: Rule[] = [];
  if (root.split('/').length > 2) {
    const fix = 'use a path relative to the file';
    rules.push({
      pattern: new RegExp(`${literal(root)}\\b`, 'g'),
      problem: 'names the folder of this copy',
      fix,
    });
  }
  const { output } = await run('npm', ['config', 'get', 'registry'], { cwd: tmpdir() });
  const host = URL.canParse(output.trim()) ? new URL(output.trim()).host : PUBLIC_REGISTRY;
  if (host !== PUBLIC_REGISTRY) {
    rules.push({
      pattern: new RegExp(literal(host), 'g'),
      problem: 'names the registry of this machine',
      fix: 'leave it out',
    });
  }
  return rules;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Empty for what is not text, or not there any more. */
function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    return bytes.includes(0) ? '' : bytes.toString('utf8');
  } catch {
    return '';
  }
}

if (import.meta.main) await main(checkStrings);
