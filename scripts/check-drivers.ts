// The tables of drivers in the README files are made of what packages export:
// `npm run check -- drivers --update` writes them. A driver is a subpath whose source is in src/drivers/, and
// exports `<name>Features`; its rows are named by the contract in src/driver.ts.
import { join, relative } from 'node:path';
import { checkBlock } from './lib/block.ts';
import { cellOf, readRows, renderTable } from './lib/driver-table.ts';
import { type Driver, featuresName, readDrivers } from './lib/drivers.ts';
import { type Finding, main } from './lib/findings.ts';
import { type Package, publicPackages } from './lib/workspace.ts';

export async function checkDrivers(root: string, { update }: { update: boolean }): Promise<Finding[]> {
  const findings: Finding[] = [];
  const all: Driver[] = [];
  for (const pkg of publicPackages(root)) {
    const drivers = await readDrivers(pkg);
    const incomplete = drivers.flatMap((driver) => missingIn(root, pkg, driver));
    findings.push(...incomplete);
    if (drivers.length === 0 || incomplete.length > 0) continue;
    all.push(...drivers);
    findings.push(...checkTable(root, relative(root, join(pkg.dir, 'README.md')), tableOf(pkg, drivers), update));
  }
  const list = all.map(({ specifier, purpose, needs }) => [`\`${specifier}\``, purpose ?? '', listOf(needs)]);
  const table = renderTable(['driver', 'what it is', 'needs'], list);
  return [...findings, ...checkTable(root, 'README.md', table, update)];
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

function checkTable(root: string, file: string, text: string, update: boolean): Finding[] {
  const absent = 'has no place for the table of drivers';
  const stale = 'the table of drivers is not what their features say';
  return checkBlock(root, { file, name: 'drivers', text, absent, stale }, update);
}

if (import.meta.main) await main(checkDrivers);
