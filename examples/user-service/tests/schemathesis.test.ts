import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { client } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

// Somebody else's tool makes requests of the document, right ones and wrong ones, and sequences of them, and judges the
// answers by it. `scripts/install-services.sh schemathesis` puts it where it is looked for, beside PATH.
const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const program = findProgram('schemathesis', [join(cache, 'ent/schemathesis-4.32.5/bin')]);
const required = /\ball\b|\bschemathesis\b/.test(process.env['ENT_TEST_REQUIRE'] ?? '');
const unavailable = program === undefined && !required;
const absent = unavailable ? ' (skipped: it is not installed; run scripts/install-services.sh schemathesis)' : '';

const folder = temporaryFolder();
let service: Service;
beforeAll(async () => {
  if (!unavailable) service = await start(folder.path, settings(folder.path, { REGISTRATION_LIMIT: '100000' }));
});
afterAll(async () => {
  await service?.stop();
  folder.remove();
});

describe.skipIf(unavailable)(`schemathesis${absent}`, () => {
  itInDepth('the service does what its document says', { full: 50, ci: 4, of: 'examples' }, async ({ count, seed }) => {
    const { access_token: token } = await client(service.url).loginAdmin();
    const config = join(folder.path, 'schemathesis.toml');
    // What the tool has no idea of: a head that is too large is refused before anything of it is read, a version that
    // is not the stored one fails what is conditional.
    const refusals = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 429, 431, 503];
    const accepted = ['2xx', '3xx', 401, 403, 404, 409, 412, 429, 503];
    const statuses = { negative_data_rejection: refusals, positive_data_acceptance: accepted };
    const checks = Object.entries(statuses).map(
      ([name, list]) => `${name}.expected-statuses = ${JSON.stringify(list)}`,
    );
    // A cursor is any text for the document, and one that the list has given for the service.
    const cursors = `checks.positive_data_acceptance.expected-statuses = ${JSON.stringify([...accepted, 422])}`;
    writeFileSync(
      config,
      ['[checks]', ...checks, '[[operations]]', 'include-operation-id = "listUsers"', cursors].join('\n'),
    );
    // Logging out would end the session of the token.
    const options = {
      checks: 'all',
      phases: count < 10 ? 'examples,fuzzing,stateful' : 'examples,coverage,fuzzing,stateful',
      'max-examples': String(count),
      seed: String(seed),
      workers: '1',
      header: `Authorization: Bearer ${token}`,
      'exclude-operation-id': 'logout',
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const args = ['--config-file', config, 'run', `${service.url}/openapi.json`, '--no-color', ...flags];
    const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
      execFile(program ?? 'schemathesis', args, { cwd: folder.path }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
      );
    });
    expect(output).toMatch(/Test cases:\n +\d+ generated, \d+ passed/);
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
  });
});
