import { z } from 'zod';
import { mcpErrors } from '../../errors.ts';
import type { MetricsPort } from '../../ports.ts';
import { defineTool, type Tool } from '../../tool.ts';

/** A metric family of the text format: its comments, and its lines. */
interface Family {
  help: string;
  type: string;
  readonly lines: string[];
}

export function metricsTool(metrics: MetricsPort): Tool {
  return defineTool({
    name: 'metrics',
    title: 'Metrics',
    description:
      'The metrics of the service. Without an argument: their names, types, meanings and how many series each has. With a name: the ' +
      "present values, in Prometheus' text format.",
    input: z.object({
      name: z.string().min(1).max(200).optional().describe('A metric, or the beginning of the names of several.'),
      labels: z.string().min(1).max(200).optional().describe('Only lines with this text, such as route="/users".'),
    }),
    async run({ name, labels = '' }) {
      const families = familiesOf(await metrics.render());
      if (name === undefined) {
        return [...families].map(([family, { help, type, lines }]) => ({
          name: family,
          type,
          help,
          series: lines.length,
        }));
      }
      const found = [...families].filter(([family]) => family.startsWith(name));
      if (found.length === 0) {
        throw mcpErrors.not_found(`No metric has a name that begins with "${name}": ask without it for all names.`);
      }
      return found
        .flatMap(([family, { type, lines }]) => [
          `# TYPE ${family} ${type}`,
          ...lines.filter((line) => line.includes(labels)),
        ])
        .join('\n');
    },
  });
}

/** Lines by family. The text is ours or a library's: each family begins with its HELP or TYPE, in either format. */
function familiesOf(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let current: Family | undefined;
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      current = families.get(name) ?? { help: '', type: 'unknown', lines: [] };
      families.set(name, current);
      if (kind === 'HELP') current.help = rest;
      else current.type = rest;
    } else if (line !== '' && !line.startsWith('#')) current?.lines.push(line);
  }
  return families;
}
