// The tables of drivers in the README files are made of what packages export:
// `npm run check -- drivers --update` writes them. A driver is a subpath whose source is in src/drivers/, and
// exports `<name>Features`; its rows are named by the contract in src/driver.ts.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { cellOf, readRows, renderTable } from './lib/driver-table.ts';
import { type Driver, featuresName, readDrivers } from './lib/drivers.ts';
import { type Finding, main } from './lib/findings.ts';
import { type Package, publicPackages } from './lib/workspace.ts';

const PLACE = /(<!-- drivers: .*-->\n)([\s\S]*?)(<!-- \/drivers -->)/;

export async function checkDrivers(root: string, { update }: { update: boolean }): Promise<Finding[]> {
  const findings: Finding[] = [];
  const all: Driver[] = [];
  for (const pkg of publicPackages(root)) {
    const drivers = await readDrivers(pkg);
    const incomplete = drivers.flatMap((driver) => missingIn(root, pkg, driver));
    findings.push(...incomplete);
    if (drivers.length === 0 || incomplete.length > 0) continue;
    all.push(...drivers);
    findings.push(...checkTable(root, join(pkg.dir, 'README.md'), tableOf(pkg, drivers), update));
  }
  const list = all.map(({ specifier, purpose, needs }) => [`\`${specifier}\``, purpose ?? '', listOf(needs)]);
  const table = renderTable(['driver', 'what it is', 'needs'], list);
  return [...findings, ...checkTable(root, join(root, 'README.md'), table, update)];
}

function missingIn(root: string, pkg: Package, { name, source, features, purpose }: Driver): Finding[] {
  const file = relative(root, join(pkg.dir, source));
  const findings: Finding[] = [];
  if (features === undefined) {
    findings.push({
      file,
      problem: `exports no ${featuresName(name)}`,
      fix: 'a driver says what it can do as one constant object; what only comes with a driver is named after it, as ./redis-extras',
    });
  }
  if (purpose === undefined) {
    findings.push({
      file,
      line: 1,
      problem: 'does not begin with a comment on its backend',
      fix: 'one sentence, and what a reader must know',
    });
  }
  return findings;
}

/** A column for each driver. */
function tableOf(pkg: Package, drivers: readonly Driver[]): string {
  const rows = readRows(join(pkg.dir, 'src/driver.ts')).map(({ feature, label }) => [
    label,
    ...drivers.map(({ features }) => cellOf(feature, features?.[feature])),
  ]);
  return renderTable(
    ['', ...drivers.map(({ name }) => `\`${name}\``)],
    [
      ['import', ...drivers.map(({ specifier }) => `\`${specifier}\``)],
      ['needs', ...drivers.map(({ needs }) => listOf(needs))],
      ...rows,
    ],
  );
}

function listOf(needs: readonly string[]): string {
  return needs.length === 0 ? 'nothing' : needs.join(', ');
}

function checkTable(root: string, path: string, table: string, update: boolean): Finding[] {
  const file = relative(root, path);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const place = PLACE.exec(text);
  if (!place) {
    const fix = 'it begins with <!-- drivers: written by scripts/check-drivers.ts --> and ends with <!-- /drivers -->';
    return [{ file, problem: 'has no place for the table of drivers', fix }];
  }
  const [whole, before = '', found, after = ''] = place;
  if (found === table) return [];
  if (update) {
    writeFileSync(
      path,
      text.replace(whole, () => before + table + after),
    );
    return [];
  }
  const line = text.slice(0, place.index).split('\n').length;
  const problem = 'the table of drivers is not what their features say';
  return [{ file, line, problem, fix: 'npm run check -- drivers --update' }];
}

if (import.meta.main) await main(checkDrivers);
