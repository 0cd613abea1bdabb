// docs/errors.md lists each error code with what the package says of it: `npm run check -- codes --update` writes it.
// What a code means is the doc comment in the registry of its package; what to do is in scripts/lib/error-advice.ts.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkBlock } from './lib/block.ts';
import { renderTable } from './lib/driver-table.ts';
import { ADVICE, ADVICE_OF_CLASS } from './lib/error-advice.ts';
import { type Finding, main } from './lib/findings.ts';
import { docCommentsOf } from './lib/doc-comments.ts';
import { publicPackages } from './lib/workspace.ts';

interface Code {
  readonly code: string;
  readonly class: string;
  readonly status: number;
  readonly retryable: string;
  readonly exposed: boolean;
  readonly meaning: string | undefined;
  readonly file: string;
}

/** An error as its class made it. */
interface Sample {
  readonly code: string;
  readonly name: string;
  readonly status: number;
  readonly retryable: string;
  readonly expose: boolean;
}

async function checkCodes(root: string, { update }: { update: boolean }): Promise<Finding[]> {
  const codes = (await Promise.all(publicPackages(root).map(({ dir, name }) => codesOf(root, dir, name)))).flat();
  const findings = codes.flatMap((each) => gapsIn(each));
  const known = new Set(codes.map(({ code }) => code));
  for (const code of Object.keys(ADVICE).filter((each) => !known.has(each))) {
    const file = 'scripts/lib/error-advice.ts';
    findings.push({ file, problem: `there is no code "${code}"`, fix: 'remove its line' });
  }
  if (findings.length > 0) return findings;
  const absent = 'has no place for the tables of codes';
  const stale = 'the tables of error codes are not what the packages define';
  return checkBlock(root, { file: 'docs/errors.md', name: 'codes', text: tablesOf(codes), absent, stale }, update);
}

/** The classes of @ent/errors have their codes themselves; other packages have a registry. */
async function codesOf(root: string, dir: string, name: string): Promise<Code[]> {
  const path = join(dir, 'src', name === 'errors' ? 'classes.ts' : 'errors.ts');
  if (!existsSync(path)) return [];
  const paths = name === 'errors' ? [path, join(dir, 'src/error.ts')] : [path];
  const found = await Promise.all(paths.map((each) => samplesIn(each, name)));
  return found.flat().map(({ sample, file, meaning }) => ({
    code: sample.code,
    class: sample.name,
    status: sample.status,
    retryable: sample.retryable,
    exposed: sample.expose,
    meaning,
    file: relative(root, file),
  }));
}

async function samplesIn(
  file: string,
  name: string,
): Promise<{ sample: Sample; file: string; meaning: string | undefined }[]> {
  const comments = docCommentsOf(file);
  const module = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  const exported = Object.entries(module).flatMap(([key, value]): [string, unknown][] =>
    name === 'errors' ? [[key, value]] : Object.entries(value as object),
  );
  return exported.flatMap(([key, make]) => {
    if (typeof make !== 'function' || key === 'EntError') return [];
    const sample = (name === 'errors' ? Reflect.construct(make, ['']) : Reflect.apply(make, undefined, [''])) as Sample;
    // The other functions that a file exports make no errors.
    return typeof sample?.code === 'string' ? [{ sample, file, meaning: comments.get(key) }] : [];
  });
}

function gapsIn({ code, class: Class, file, meaning }: Code): Finding[] {
  const findings: Finding[] = [];
  if (meaning === undefined) {
    findings.push({ file, problem: `the error code "${code}" has no doc comment`, fix: 'say when it is thrown' });
  }
  if (ADVICE[code] === undefined && ADVICE_OF_CLASS[Class] === undefined) {
    const fix = 'add a line to scripts/lib/error-advice.ts';
    findings.push({ file, problem: `nothing says what to do about the error code "${code}"`, fix });
  }
  return findings;
}

function tablesOf(codes: readonly Code[]): string {
  const groups = Map.groupBy(codes, ({ code }) => (code.includes('.') ? code.slice(0, code.indexOf('.')) : 'errors'));
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, group]) => `\n## @ent/${name}\n\n${tableOf(group)}`)
    .join('');
}

function tableOf(codes: readonly Code[]): string {
  const rows = codes
    .toSorted((a, b) => (a.code < b.code ? -1 : 1))
    .map(({ code, class: Class, status, retryable, exposed, meaning }) => [
      `<a id="${code}"></a>\`${code}\`<br>\`${Class}\`, ${status}<br>${retryable}${exposed ? ', shown' : ''}`,
      meaning ?? '',
      ADVICE[code] ?? ADVICE_OF_CLASS[Class] ?? '',
    ]);
  return renderTable(['code', 'when', 'what to do'], rows);
}

if (import.meta.main) await main(checkCodes);
