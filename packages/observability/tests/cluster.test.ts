import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { createMetrics } from '../src/prometheus.ts';

const PROGRAM = fileURLToPath(new URL('programs/cluster.ts', import.meta.url));

/** Starts a primary, and answers what tells it what to do. */
function started(collectTimeout: string) {
  const child = fork(PROGRAM, [collectTimeout], { execArgv: ['--conditions=@ent/source'] });
  onTestFinished(async () => {
    if (child.exitCode === null && child.connected) {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    }
  });
  let ids = 0;
  return async (what: string, times?: number): Promise<string> => {
    const id = ++ids;
    const answered = new Promise<string>((resolve) => {
      const listener = (message: unknown): void => {
        const { id: of, answer } = message as { id: number; answer: string };
        if (of !== id) return;
        child.off('message', listener);
        resolve(answer);
      };
      child.on('message', listener);
    });
    child.send({ id, do: what, times });
    return answered;
  };
}

const COUNT = 'http_server_request_duration_seconds_count';
const numberIn = (text: string, name: string): number =>
  Number(new RegExp(`^${name}(?:\\{.*\\})? (.*)$`, 'm').exec(text)?.[1]);

it('the primary tells of all workers, and of those that are gone: no counter ever falls', async () => {
  const tell = started('1m');
  await tell('fork');
  await tell('fork');
  await tell('work', 10);
  let text = await tell('render');
  expect(numberIn(text, COUNT)).toBe(20);
  expect(text).toContain('jobs_total{value="a"} 4\n');
  expect(text).toContain('service_build_info{version="1.2.3"} 1\n');
  expect(text).toMatch(/^limit \+Inf$/m);
  expect(numberIn(text, 'nodejs_eventloop_utilization_ratio')).toBeLessThanOrEqual(1);
  expect(numberIn(text, 'process_start_time_seconds')).toBeLessThan(Date.now() / 1000);

  await tell('kill');
  text = await tell('render');
  expect(numberIn(text, COUNT)).toBe(20);
  expect(text).toContain('jobs_total{value="a"} 4\n');
  await tell('kill');
  expect(numberIn(await tell('render'), COUNT)).toBe(20);
  await tell('fork');
  await tell('work', 5);
  text = await tell('render');
  expect(numberIn(text, COUNT)).toBe(25);
  expect(text).toContain('jobs_total{value="a"} 6\n');
  expect(numberIn(text, 'metric_collection_failures_total')).toBe(Number.NaN);

  const open = await tell('open');
  expect(open).toContain('# TYPE jobs counter\njobs_total{value="a"} 6\n');
  expect(open).toMatch(/\n# EOF\n$/);
});

it('a worker that hangs is there with its last numbers, and counted', async () => {
  const tell = started('2s');
  await tell('fork');
  await tell('fork');
  await tell('work', 10);
  // On a busy machine one of them may be late by itself.
  await expect.poll(async () => numberIn(await tell('render'), COUNT)).toBe(20);
  await tell('block');
  expect(numberIn(await tell('render'), COUNT)).toBe(20);
  expect(await tell('render')).toMatch(/metric_collection_failures_total\{metric="cluster_worker"\} \d+\n/);
  await tell('kill');
  expect(numberIn(await tell('render'), COUNT)).toBe(20);
});

it('a primary without workers has its own, and gives back what it listens to', async () => {
  const before = process.listenerCount('message');
  const metrics = createMetrics({ cluster: true, version: '1.2.3' });
  expect(await metrics.render()).toContain('service_build_info{version="1.2.3"} 1\n');
  metrics.close();
  expect(process.listenerCount('message')).toBe(before);
  expect(() => createMetrics({ cluster: 'yes' as never })).toThrow(
    expect.objectContaining({ code: 'observability.invalid_options' }) as Error,
  );
});
