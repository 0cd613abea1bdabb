import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs a module in an application that has the sources of one of our packages in `./src`, and `@ent/errors`, but no
 * library of any driver. Answers what it prints.
 */
export function runInBareApp(packageFolder: string, code: string): string {
  const app = mkdtempSync(join(tmpdir(), 'ent-bare-app-'));
  try {
    cpSync(join(packageFolder, 'src'), join(app, 'src'), { recursive: true });
    mkdirSync(join(app, 'node_modules/@ent'), { recursive: true });
    for (const name of ['errors', 'internal']) {
      symlinkSync(join(packageFolder, '..', name), join(app, 'node_modules/@ent', name));
    }
    writeFileSync(join(app, 'package.json'), '{"type":"module"}');
    writeFileSync(join(app, 'main.ts'), code);
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--conditions=@ent/source', 'main.ts'], {
      cwd: app,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`The application ended with ${status}: ${stderr}`);
    return stdout;
  } finally {
    rmSync(app, { recursive: true });
  }
}
