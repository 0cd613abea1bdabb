import { fileURLToPath } from 'node:url';
import { runService, type RunningService, type ServiceOptions, type ServiceProcess, startService } from '@ent/testkit';

const mains = {
  orders: '../src/main.ts',
  provider: '../src/provider/main.ts',
  users: '../../user-service/src/main.ts',
} as const;

export type { RunningService as Running };

type Given = [name: keyof typeof mains, folder: string, env: Record<string, string>, args?: string[]];
const optionsOf = ([name, folder, env, args = []]: Given): [string, ServiceOptions] => [
  fileURLToPath(new URL(mains[name], import.meta.url)),
  { folder, env: { PORT: '0', LOG_FORMAT: 'json', DRAIN_TIME: '10ms', ...env }, args },
];

/** Runs it without waiting for anything. */
export const launch = (...given: Given): ServiceProcess => runService(...optionsOf(given));

/** Starts it and waits until it says where it listens. */
export const start = (...given: Given): Promise<RunningService> => startService(...optionsOf(given));
