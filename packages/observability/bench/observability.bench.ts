// What a listener costs an operation, against the same operation on a channel that nobody listens to.
import { tracingChannel } from 'node:diagnostics_channel';
import { bench } from '../../../scripts/bench.ts';
import { onOperation } from '../src/index.ts';
import { createMetrics } from '../src/prometheus.ts';

const quiet = tracingChannel<unknown, object>('ent:bench:quiet');
const heard = tracingChannel<unknown, object>('ent:bench:heard');
const http = tracingChannel<unknown, object>('ent:http:request');
const work = async (): Promise<number> => 1;
const stop = onOperation('ent:bench:heard', { end: () => {} });
const metrics = createMetrics();

await bench('one traced operation', {
  raw: () => quiet.tracePromise(work, {}),
  subjects: {
    '@ent': () => heard.tracePromise(work, {}),
    '@ent: prometheus': () => http.tracePromise(work, { method: 'GET', route: '/', status: 200, durationMs: 1 }),
  },
});
stop();
metrics.close();
