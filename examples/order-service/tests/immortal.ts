import { type launch, type Running, start } from './processes.ts';

/** A process that is started again whenever it ends, as an orchestrator does. */
export interface Immortal {
  readonly url: string;
  /** Waits until it listens. */
  up(): Promise<void>;
  /** SIGKILL; it comes back by itself. */
  kill(): Promise<void>;
  /** For good. */
  end(): Promise<void>;
}

export function immortal(name: Parameters<typeof launch>[0], folder: string, env: Record<string, string>): Immortal {
  let isOver = false;
  let running: Promise<Running>;
  const live = (): Promise<Running> =>
    start(name, folder, env).then(
      (process) => {
        void process.ended.then(() => {
          if (!isOver) running = live();
        });
        return process;
      },
      // It may need what is away just now.
      (error: unknown) => (isOver ? Promise.reject(error as Error) : live()),
    );
  running = live();
  running.catch(() => {});
  return {
    url: `http://127.0.0.1:${env['PORT']}`,
    async up() {
      await running;
    },
    async kill() {
      await (await running).kill();
    },
    async end() {
      isOver = true;
      await (await running.catch(() => undefined))?.kill();
    },
  };
}
