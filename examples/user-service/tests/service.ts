import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runService, type RunningService, type ServiceProcess, startService } from '@ent/testkit';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export const admin = { email: 'root@example.com', password: 'correct horse battery staple' };

export type { RunningService as Service };

/** A folder for the database and keys of one test file; removed by `remove`. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'ent-user-service-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The settings of a test service: its folder, a free port, an administrator, cheap enough for a small machine. */
export function settings(folder: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    PORT: '0',
    DATABASE_URL: `sqlite:${join(folder, 'users.db')}`,
    ADMIN_EMAIL: admin.email,
    ADMIN_PASSWORD: admin.password,
    LOG_FORMAT: 'json',
    DRAIN_TIME: '100ms',
    ...more,
  };
}

/** Runs the service without waiting for anything. */
export const run = (folder: string, env: Record<string, string>): ServiceProcess =>
  runService(main, { folder, env: { NODE_ENV: 'test', ...env } });

/** Starts the service and waits until it says where it listens. */
export const start = (folder: string, env: Record<string, string> = settings(folder)): Promise<RunningService> =>
  startService(main, { folder, env: { NODE_ENV: 'test', ...env } });
