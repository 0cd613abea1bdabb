import { kindOf, refuseUnknown } from '@ent/internal';
import { mcpErrors } from './errors.ts';
import { demandMethod } from './internal/demand.ts';
import { configTool } from './internal/tools/config.ts';
import { messagingTools } from './internal/tools/messaging.ts';
import { metricsTool } from './internal/tools/metrics.ts';
import { cachesTool, errorsTool, healthTool, migrationsTool, routesTool } from './internal/tools/process.ts';
import type { RoutePort, ServicePorts } from './ports.ts';
import type { Tool } from './tool.ts';

const PORTS = {
  health: true,
  metrics: true,
  config: true,
  routes: true,
  migrations: true,
  messaging: true,
  caches: true,
  errors: true,
} as const;

const METHODS: Readonly<Record<Exclude<keyof ServicePorts, 'routes'>, readonly string[]>> = {
  health: ['report'],
  metrics: ['render'],
  config: ['get'],
  migrations: ['status'],
  messaging: ['groups', 'stats', 'deadLetters'],
  caches: ['stats'],
  errors: ['list'],
};

/**
 * The tools of a service: `health`, `metrics`, `config`, `routes`, `migrations`, `queues` and `dead_letters`, `caches`,
 * `errors`; those whose part is handed over. The parts are objects of the `@ent` packages, or any of their shape.
 *
 * All that the settings hide, and each password of their URLs, is hidden in the answers of all tools too.
 *
 * @throws `mcp.invalid_options` for a part that is unknown, or has not the methods that are needed
 * @example
 * ```ts
 * import { serviceTools, watchProcess } from '@ent/mcp';
 *
 * const watch = watchProcess();
 * const health = { report: () => ({ body: { status: 'pass' } }) };
 * const tools = serviceTools({ health, caches: watch.caches, errors: watch.errors });
 * console.log(tools.map(({ name }) => name)); // [ 'health', 'caches', 'errors' ]
 * watch.close();
 * ```
 */
export function serviceTools(ports: ServicePorts): Tool[] {
  refuseUnknown(ports, PORTS, 'serviceTools', mcpErrors.invalid_options);
  for (const [name, methods] of Object.entries(METHODS)) {
    const port = ports[name as keyof ServicePorts];
    if (port !== undefined) for (const method of methods) demandMethod(port, method, `serviceTools: ${name}`);
  }
  const { health, metrics, config, routes, migrations, messaging, caches, errors } = ports;
  if (routes !== undefined && !isRoutes(routes)) {
    throw mcpErrors.invalid_options(`serviceTools: routes must be a list of routes; got ${kindOf(routes)}.`);
  }
  return [
    health && healthTool(health),
    metrics && metricsTool(metrics),
    config && configTool(config),
    routes && routesTool(routes),
    migrations && migrationsTool(migrations),
    ...(messaging ? messagingTools(messaging) : []),
    caches && cachesTool(caches),
    errors && errorsTool(errors),
  ].filter((tool) => tool !== undefined);
}

function isRoutes(routes: readonly unknown[]): boolean {
  return Array.isArray(routes) && routes.every((route) => typeof (route as RoutePort | null)?.path === 'string');
}
