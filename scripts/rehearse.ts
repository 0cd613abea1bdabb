// A release, rehearsed: `npm run release:rehearse`. What is committed is versioned, built, packed and published as the
// release workflow does, to a registry on this machine; then strangers install it from there. It takes some minutes,
// and fetches from the registry that npm is set to what applications have beside these packages.
//
// `--release` refuses at once what the release itself would refuse.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rehearseSamples } from './check-samples.ts';
import { repositoryOf } from './lib/release-manifests.ts';
import { run, withTemporaryFolder } from './lib/run.ts';
import { installTools } from './lib/tools.ts';
import { rehearseCreate } from './rehearse/create.ts';
import { installPublished } from './rehearse/install.ts';
import { rehearseJest } from './rehearse/jest.ts';
import { startRegistry } from './rehearse/registry.ts';
import { release } from './rehearse/release.ts';
import { Report } from './rehearse/report.ts';
import { runtimesOf } from './rehearse/runtimes.ts';
import { rehearseSubpaths } from './rehearse/subpaths.ts';

const root = join(import.meta.dirname, '..');
const NOWHERE = 'https://repository.invalid/ent';
const REFUSED =
  'package.json has no "repository", which every package names: the release itself is refused without it.';

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { release: { type: 'boolean', default: false } } });
  const repository = repositoryOf(root);
  if (repository === undefined && values.release) {
    console.error(REFUSED);
    return 1;
  }
  const report = new Report();
  const { output: changes } = await run('git', ['status', '--porcelain'], { cwd: root });
  if (changes !== '') report.say('what is not committed is left out');
  const [tool, own] = await Promise.all([installTools(), installTools('rehearse/registry')]);
  const well = await withTemporaryFolder(async (dir) => {
    const registry = await startRegistry(join(dir, 'registry'), '@ent', own);
    try {
      const how = { registry, repository: repository ?? NOWHERE };
      const packages = await release(root, join(dir, 'clone'), how, (step) => report.say(`release: ${step}`));
      report.say(`${packages.length} packages are published as ${packages[0]!.manifest.version}`);
      const runtimes = await runtimesOf(dir, tool);
      await rehearseSubpaths(packages, {
        dir: join(dir, 'subpaths'),
        registry,
        report,
        runtimes,
        compilers: {
          'TypeScript 5.4': { folder: tool('typescript-5-4'), settings: { skipLibCheck: true, lib: ['es2023'] } },
          'TypeScript 7': { folder: join(root, 'node_modules/typescript'), settings: {} },
        },
        installers: { npm: 'npm', pnpm: 'pnpm', bun: tool('.bin/bun') },
        more: { '@types/node': join(root, 'node_modules/@types/node') },
      });
      report.say('bundlers, runtimes and TypeScript, as scripts/check-samples.ts has them');
      await report.attempt('samples: bundlers, runtimes, tsc --init', 'scripts/samples', () =>
        rehearseSamples(root, join(dir, 'samples'), tool, (project, wanted) =>
          installPublished(project, packages, wanted, { registry }),
        ),
      );
      report.say('Jest, as the documentation has it');
      await rehearseJest(root, join(dir, 'jest'), packages, { registry, report });
      report.say('npm create @ent');
      const compiler = join(root, 'node_modules', 'typescript');
      await rehearseCreate(join(dir, 'clone'), join(dir, 'create'), { registry, report, compiler });
      return report.conclude();
    } finally {
      registry.close();
    }
  });
  if (repository === undefined) console.log(`\n${REFUSED} Here it was ${NOWHERE}.`);
  return well ? 0 : 1;
}

process.exitCode = await main();
