import { declareCases } from '@ent/internal';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { answers } from './cases/answers.ts';
import { bodies } from './cases/bodies.ts';
import { errors } from './cases/errors.ts';
import { hooks } from './cases/hooks.ts';
import { keys } from './cases/keys.ts';
import { sockets } from './cases/sockets.ts';
import { streams } from './cases/streams.ts';
import type { Host, Running } from './host.ts';
import { type Ended, middlewares, Tools } from './tools.ts';

/** Declares the cases of all groups for a host, which is started once for them. */
export function declareHost(host: Host): void {
  describe(`${host.name}`, () => {
    const ended: Ended[] = [];
    let running: Running | undefined;
    beforeAll(async () => {
      running = await host.start({ middleware: middlewares(ended) });
    });
    afterAll(() => running?.stop());
    for (const [group, cases] of Object.entries({ answers, errors, hooks, keys, bodies, streams, sockets })) {
      describe(`${group}`, () => {
        declareCases({ it }, host.features, cases, async (run) => {
          const tools = new Tools(host.features, running?.port ?? 0, ended);
          try {
            await run(tools);
          } finally {
            tools.closeAll();
          }
        });
      });
    }
  });
}
