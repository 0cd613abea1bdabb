import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';
import { whileServing } from './serving.ts';

const WANTED = JSON.stringify({
  first: { status: 200, body: { id: '7' }, id: 'sample-1', own: 'nosniff' },
  second: { status: 500, type: 'application/problem+json', tells: false, own: 'nosniff' },
  third: 404,
});

/**
 * Makes an application of Next.js of the route handler of examples/hosts, builds it, and asks it.
 *
 * @param project where the packages are installed
 * @param from the folder of the example
 * @param next the program
 * @returns what is wrong, if anything is
 */
export async function tryNextRoute(project: string, from: string, next: string): Promise<string | undefined> {
  const app = join(project, 'next');
  const folder = join(app, 'app/users/[id]');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(from, 'next-route.ts'), join(folder, 'route.ts'));
  copyFileSync(join(from, 'middleware.ts'), join(folder, 'middleware.ts'));
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  // What is installed here are links into the repository, and Turbopack follows none that leaves its root.
  writeFileSync(join(app, 'next.config.mjs'), "export default { turbopack: { root: '/' } };\n");
  // Next.js adds the rest; that imports name files with .ts is of this repository.
  const compilerOptions = { strict: true, noEmit: true, allowImportingTsExtensions: true };
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions }));

  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', CI: '1' };
  const built = await run(process.execPath, [next, 'build'], { cwd: app, env, timeoutMs: 600_000 });
  if (built.code !== 0) return `next build: ${built.output.trim()}`;
  const args = [next, 'start', '--hostname', '127.0.0.1', '--port', '0'];
  const said = await whileServing(process.execPath, args, { cwd: app, env }, async (url) => {
    const found = await fetch(`${url}/users/7`, { headers: { 'x-request-id': 'sample-1' } });
    const broken = await fetch(`${url}/users/broken`);
    const of = (response: Response, name: string): string | null => response.headers.get(name);
    const first = { status: found.status, body: await found.json(), id: of(found, 'x-request-id') };
    const second = {
      status: broken.status,
      type: of(broken, 'content-type'),
      tells: /outside/.test(await broken.text()),
    };
    const own = 'x-content-type-options';
    return JSON.stringify({
      first: { ...first, own: of(found, own) },
      second: { ...second, own: of(broken, own) },
      third: (await fetch(`${url}/nothing`)).status,
    });
  });
  return said === WANTED ? undefined : `answers ${said}, not ${WANTED}`;
}
