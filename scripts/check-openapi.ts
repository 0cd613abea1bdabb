// Documents are valid for tools of others, without a word of theirs: those of the examples, and one of all schemas that
// the tests of @ent/http know. Redocly and spectral read them, with the rules that they recommend, and
// openapi-spec-validator, which holds them against the schema of the specification.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Route, route } from '../packages/http/src/index.ts';
import { openapi } from '../packages/http/src/openapi.ts';
import { bodySchemas, openSchemas, querySchemas } from '../packages/http/tests/support/corpus.ts';
import { installedFolder } from '../packages/testkit/src/installed-folder.ts';
import { findProgram } from '../packages/testkit/src/programs.ts';
import { type Finding, main } from './lib/findings.ts';
import { run, withTemporaryFolder } from './lib/run.ts';
import { whileServing } from './lib/serving.ts';
import { installTools } from './lib/tools.ts';

const about = { summary: 'Of the corpus', description: 'One schema.', tags: ['corpus'], responses: { 204: {} } };

function corpus(): object {
  const bodies = [...bodySchemas, ...openSchemas].map(([, body], index): Route => {
    return route({ ...about, method: 'POST', path: `/body/${index}`, body, handler() {} });
  });
  const queries = querySchemas.map(([, v], index): Route => {
    return route({ ...about, method: 'GET', path: `/query/${index}`, query: z.object({ v }), handler() {} });
  });
  return openapi([...bodies, ...queries], {
    title: 'Corpus',
    version: '1',
    description: 'Schemas.',
    contact: { name: 'Nobody', url: 'https://example.com' },
    license: { name: 'MIT', identifier: 'MIT' },
    tags: { corpus: 'All of them.' },
  });
}

/** As the service itself serves it. */
async function example(root: string, name: string, dir: string): Promise<unknown> {
  const args = ['--conditions=@ent/source', join(root, 'examples', name, 'src/main.ts')];
  const env = { PATH: process.env['PATH'], HOME: dir, PORT: '0' };
  return whileServing(process.execPath, args, { cwd: dir, env }, async (url) =>
    (await fetch(`${url}/openapi.json`)).json(),
  );
}

/**
 * It is of PyPI, so `scripts/install-services.sh openapi-spec-validator` puts it where it is looked for. Where it is
 * not, that is said, and is no fault unless `ENT_TEST_REQUIRE` demands it.
 */
function specValidator(): string | undefined {
  const name = 'openapi-spec-validator';
  const program = findProgram(name, [installedFolder(`${name}-0.9.0`, 'bin')]);
  const isRequired = /\b(all|openapi-spec-validator)\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
  if (program === undefined && isRequired)
    throw new Error(`${name} is not installed: scripts/install-services.sh ${name}`);
  if (program === undefined) console.log(`skipped: ${name} is not installed; run scripts/install-services.sh ${name}`);
  return program;
}

async function checkOpenapi(root: string): Promise<Finding[]> {
  const tool = await installTools();
  return withTemporaryFolder(async (dir) => {
    const documents = {
      corpus: corpus(),
      'user-service': await example(root, 'user-service', dir),
      'order-service': await example(root, 'order-service', dir),
    };
    for (const [name, document] of Object.entries(documents)) {
      writeFileSync(join(dir, `${name}.json`), JSON.stringify(document, null, 2));
    }
    const files = Object.keys(documents).map((name) => `${name}.json`);
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', NO_COLOR: '1' };
    const validator = specValidator();
    const linters = {
      ...(validator && { 'openapi-spec-validator': run(validator, ['--schema', '3.1', ...files], { cwd: dir, env }) }),
      redocly: run(tool('.bin/redocly'), ['lint', '--extends=recommended', '--format=stylish', ...files], {
        cwd: dir,
        env,
      }),
      spectral: run(tool('.bin/spectral'), ['lint', '--fail-severity=hint', '-r', tool('../spectral.yaml'), ...files], {
        cwd: dir,
        env,
      }),
    };
    const findings: Finding[] = [];
    for (const [name, running] of Object.entries(linters)) {
      const { code, output } = await running;
      if (code === 0 && !/\bwarning|\berror/i.test(output.replace(/No results with a severity of .*/, ''))) continue;
      findings.push({
        file: 'packages/http',
        problem: `${name}: ${output.trim()}`,
        fix: 'see packages/http/src/openapi.ts',
      });
    }
    return findings;
  });
}

if (import.meta.main) await main(checkOpenapi);
