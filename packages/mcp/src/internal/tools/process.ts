import { z } from 'zod';
import type { CachesPort, ErrorsPort, HealthPort, MigrationsPort, RoutePort } from '../../ports.ts';
import { defineTool, type Tool } from '../../tool.ts';

export function healthTool(health: HealthPort): Tool {
  return defineTool({
    name: 'health',
    title: 'Health',
    description:
      'Whether the service and each of its dependencies are well, as its health check says: a status, how long each took, and ' +
      'the code of the error of what failed. Ask it first.',
    input: z.object({}),
    run: async () => (await health.report()).body,
  });
}

export function routesTool(routes: readonly RoutePort[]): Tool {
  return defineTool({
    name: 'routes',
    title: 'Routes',
    description: 'The HTTP routes of the service: method, path, what it is for, and whether a caller has to be known.',
    input: z.object({
      path: z.string().max(200).optional().describe('Only routes whose path has this text.'),
    }),
    run: ({ path = '' }) =>
      routes
        .filter((route) => route.path.includes(path))
        .map(({ method, path: at, summary, tags, deprecated, hidden, auth }) => ({
          method,
          path: at,
          summary,
          tags,
          deprecated,
          hidden,
          // Not under the name of a secret: it is a yes or a no.
          needsLogin: auth !== undefined && auth !== false,
        })),
  });
}

export function migrationsTool(migrations: MigrationsPort): Tool {
  return defineTool({
    name: 'migrations',
    title: 'Migrations',
    description:
      'The migrations of the database, in order: which are applied, and when; which are pending, changed or missing.',
    input: z.object({
      state: z.enum(['applied', 'pending', 'changed', 'missing']).optional().describe('Only those in this state.'),
    }),
    async run({ state }) {
      const all = await migrations.status();
      const counts: Record<string, number> = {};
      for (const each of all) counts[each.state] = (counts[each.state] ?? 0) + 1;
      // The last ones are what one asks about, and stay where the list is cut.
      return { counts, newestFirst: all.filter((each) => state === undefined || each.state === state).toReversed() };
    },
  });
}

export function cachesTool(caches: CachesPort): Tool {
  return defineTool({
    name: 'caches',
    title: 'Caches',
    description:
      'What the caches have answered since the process started, by driver: hits, misses, errors, loads and their ratio.',
    input: z.object({}),
    run: () => caches.stats(),
  });
}

export function errorsTool(errors: ErrorsPort): Tool {
  return defineTool({
    name: 'errors',
    title: 'Recent errors',
    description:
      'The last errors of the service, newest first: when, in which operation, code and message, and how often.',
    input: z.object({
      limit: z.int().min(1).max(100).default(20).describe('How many at the most.'),
      code: z.string().max(100).optional().describe('Only those whose code or operation has this text.'),
    }),
    async run({ limit, code = '' }) {
      const list = await errors.list();
      const fits = (entry: object): boolean => {
        const { code: own, operation } = entry as { code?: unknown; operation?: unknown };
        return [own, operation].some((text) => typeof text === 'string' && text.includes(code));
      };
      return list.filter((entry) => code === '' || fits(entry)).slice(0, limit);
    },
  });
}
