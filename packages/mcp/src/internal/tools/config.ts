import { secretsIn } from '@ent/internal';
import { z } from 'zod';
import type { ConfigPort } from '../../ports.ts';
import { defineTool, type Tool } from '../../tool.ts';

export function configTool(config: ConfigPort): Tool {
  return defineTool({
    name: 'config',
    title: 'Configuration',
    description: 'The settings that the service runs with. Passwords, keys and tokens are not shown.',
    input: z.object({
      name: z.string().max(200).optional().describe('Only settings whose name has this text, in any case.'),
    }),
    run({ name = '' }) {
      const all = Object.entries(config.get()) as [string, unknown][];
      return Object.fromEntries(all.filter(([key]) => key.toLowerCase().includes(name.toLowerCase())));
    },
    secrets: () => secretsIn(config.get()),
  });
}
