// What a probe costs: three checks asked through their cache, against asking them directly.
import { bench } from '../../../scripts/bench.ts';
import { createHealth } from '../src/index.ts';

const check = async (): Promise<void> => {};
const health = createHealth();
health.phase = 'ready';
for (const name of ['database', 'cache', 'broker']) health.register(name, { check });

await bench('ready() with three checks', {
  raw: async () => ({ status: 'pass', checks: await Promise.all([check(), check(), check()]) }),
  subjects: { '@ent': () => health.ready() },
});
