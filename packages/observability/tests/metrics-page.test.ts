import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createMetrics } from '../src/prometheus.ts';

/** The cells of the table of metrics: name, type, labels. */
function told(): string[][] {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/observability/metrics.md'), 'utf8');
  const [, rest = ''] = text.split('| metric | type | labels |');
  const [table = ''] = rest.split('\n\n');
  return table
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, 4)
        .map((cell) => cell.replaceAll('`', '').trim()),
    );
}

it('docs/observability/metrics.md names all metrics, with their types and labels, and no other', () => {
  const metrics = createMetrics({ version: '1' });
  onTestFinished(() => metrics.close());
  const all = metrics.registry.getMetricsAsArray().map((metric) => {
    const { name, type, labelNames } = metric as unknown as { name: string; type: string; labelNames: string[] };
    return [name, type, labelNames.join(', ')];
  });
  const isHere = ([name = '']: string[]): boolean => existsSync('/proc/self/fd') || !name.endsWith('_fds');
  expect(told().filter(isHere).toSorted()).toEqual(all.toSorted());
});
