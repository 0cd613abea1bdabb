import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, installedFolder } from '@ent/testkit';
import { itInDepth } from '@ent/testkit/vitest';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { client } from './client.ts';
import { type Service, settings, start, temporaryFolder } from './service.ts';

// Somebody else's tool makes requests of the document, right ones and wrong ones, and sequences of them, and judges the
// answers by it. `scripts/install-services.sh schemathesis` puts it where it is looked for, beside PATH.
const program = findProgram('schemathesis', [installedFolder('schemathesis-4.32.5', 'bin')]);
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

/** What a right request may be answered with: no 5xx, which the tool would take for somebody else's fault. */
const ACCEPTED = ['2xx', '3xx', 401, 403, 404, 409, 429];
/** What a wrong one may: a head that is too large for the server is refused before anything of it is read. */
const REFUSED = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429, 431];
/** What no schema can say of an operation, so that what is right by the document is refused. */
const BEYOND_SCHEMAS = {
  // A cursor is any text for the document, and one that the list has given for the service.
  listUsers: 422,
  // A key of idempotency belongs to one request.
  registerUser: 422,
  // The version is that of what is stored, or it is not.
  updateUser: 412,
  deleteUser: 412,
  // A token is one that was given out, or it is not.
  confirmEmailVerification: 400,
  confirmPasswordReset: 400,
  loginWithSecondFactor: 400,
};

/** The settings of the tool, in TOML; each string and list of JSON is one. */
function settingsOf(tokens: { all: string; logout: string }): string {
  const accept = (list: readonly unknown[]): string =>
    `checks.positive_data_acceptance.expected-statuses = ${JSON.stringify(list)}`;
  const operation = (id: string, line: string): string =>
    `[[operations]]\ninclude-operation-id = ${JSON.stringify(id)}\n${line}`;
  return [
    `headers = { Authorization = "Bearer ${tokens.all}" }`,
    accept(ACCEPTED),
    `checks.negative_data_rejection.expected-statuses = ${JSON.stringify(REFUSED)}`,
    ...Object.entries(BEYOND_SCHEMAS).map(([id, status]) => operation(id, accept([...ACCEPTED, status]))),
    // It ends the session that it is called in: one of its own.
    operation('logout', `headers = { Authorization = "Bearer ${tokens.logout}" }`),
  ].join('\n');
}

describe.skipIf(unavailable)(`schemathesis${absent}`, () => {
  itInDepth('the service does what its document says', { full: 50, ci: 4, of: 'examples' }, async ({ count, seed }) => {
    const all = (await client(service.url).loginAdmin()).access_token;
    const logout = (await client(service.url).loginAdmin()).access_token;
    const config = join(folder.path, 'schemathesis.toml');
    writeFileSync(config, settingsOf({ all, logout }));
    const options = {
      checks: 'all',
      // The second takes four times as long as the others together, whatever the number of examples.
      phases: count < 10 ? 'examples,fuzzing,stateful' : 'examples,coverage,fuzzing,stateful',
      'max-examples': String(count),
      seed: String(seed),
      workers: '1',
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const args = ['--config-file', config, 'run', `${service.url}/openapi.json`, '--no-color', ...flags];
    const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
      const child = execFile(program ?? 'schemathesis', args, { cwd: folder.path }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : error.code, output: stdout + stderr }),
      );
      onTestFinished(() => void child.kill());
    });
    expect(output).toMatch(/Test cases:\n +\d+ generated, \d+ passed/);
    expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
  });
});
