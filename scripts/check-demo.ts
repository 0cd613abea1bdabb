// The demo as a stranger meets it: its printed lines run as they are pasted, and a client that a tool makes of the
// services' one document registers, logs in, orders and cancels.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startShop } from './demo/shop.ts';
import { paste, walkThrough } from './demo/walk.ts';
import { Programs } from './demo/programs.ts';
import { type Finding, main } from './lib/findings.ts';
import { run, withTemporaryFolder } from './lib/run.ts';
import { installTools } from './lib/tools.ts';

const LIMIT_MS = 120_000;

/** What the stranger writes, who knows nothing but the names that the tool made. */
const stranger = (gateway: string): string => `
import { client } from './client/client.gen';
import { cancelOrder, getOrder, login, placeOrder, registerUser } from './client/sdk.gen';

client.setConfig({ baseUrl: '${gateway}', throwOnError: true });
const who = { email: 'grace@example.com', password: 'another long passphrase' };
await registerUser({ body: { ...who, name: 'Grace' } });
const { data: session } = await login({ body: who });
client.setConfig({ baseUrl: '${gateway}', throwOnError: true, auth: session.access_token });

const body = { lines: [{ sku: 'book', quantity: 1 }], card: 'tok_good' };
const { data: order } = await placeOrder({ body, headers: { 'Idempotency-Key': 'a-strangers-order' } });
const until = async (wanted) => {
  for (;;) {
    const { state } = (await getOrder({ path: { id: order.id } })).data;
    if (state === wanted) return console.log(state);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
await until('confirmed');
await cancelOrder({ path: { id: order.id } });
await until('cancelled');
`;

async function checkDemo(): Promise<Finding[]> {
  const tool = await installTools();
  return withTemporaryFolder(async (dir) => {
    const lines: string[] = [];
    const programs = new Programs(dir, (name, line) => lines.push(`${name}: ${line}`));
    const findings: Finding[] = [];
    const fault = (file: string, what: string): void => {
      const problem = [what, ...lines.slice(-20)].join('\n');
      findings.push({ file, problem, fix: 'see it: npm run demo -- --walk' });
    };
    try {
      const gateway = await startShop(programs);
      const pasted = await paste(walkThrough(gateway), LIMIT_MS);
      if (pasted.code !== 0) fault('scripts/demo/walk.ts', pasted.output);

      const document = join(dir, 'openapi.json');
      writeFileSync(document, await (await fetch(`${gateway}/openapi.json`)).text());
      const args = ['--input', document, '--output', join(dir, 'client'), '--no-log-file', '--silent'];
      const made = await run(tool('.bin/openapi-ts'), args, { cwd: dir, timeoutMs: LIMIT_MS });
      if (made.code !== 0) fault('the document of the gateway', made.output);

      writeFileSync(join(dir, 'stranger.ts'), stranger(gateway));
      const bundling = ['stranger.ts', '--bundle', '--platform=node', '--format=esm', '--outfile=stranger.mjs'];
      const bundled = await run(tool('.bin/esbuild'), bundling, { cwd: dir, timeoutMs: LIMIT_MS });
      if (bundled.code !== 0) fault('a client that was made of the document', bundled.output);
      const asked = await run(process.execPath, ['stranger.mjs'], { cwd: dir, timeoutMs: LIMIT_MS });
      if (asked.code !== 0) fault('a client that was made of the document', asked.output);
    } catch (error) {
      fault('scripts/demo/shop.ts', (error as Error).message);
    } finally {
      await programs.stop();
    }
    return findings;
  });
}

if (import.meta.main) await main(checkDemo);
