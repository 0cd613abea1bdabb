import { reply, type Route, route } from '@ent/http';
import type { Health, HealthReport } from '@ent/lifecycle';
import type { Metrics } from '@ent/observability/prometheus';
import { z } from 'zod';

const Status = z.enum(['pass', 'warn', 'fail']);

const Check = z.object({
  componentType: z.string(),
  status: Status,
  observedValue: z.number().meta({ description: 'How long the check took.' }),
  observedUnit: z.literal('ms'),
  time: z.iso.datetime(),
  output: z.string().optional().meta({ description: 'Code of the error.' }),
});

const HealthBody = z
  .object({
    status: Status,
    version: z.string().optional(),
    serviceId: z.string().optional(),
    output: z.string().optional(),
    checks: z.record(z.string(), z.array(Check)).optional(),
  })
  .meta({ id: 'Health' });

const answer = { schema: HealthBody, contentType: 'application/health+json' };
const tags = ['operations'];

/** Probes and metrics. For everyone: keep them from the outside by your proxy if that is too much. */
export function opsRoutes(health: Health, metrics: Metrics): Route[] {
  type Ask = () => HealthReport | Promise<HealthReport>;
  const probe = (path: string, summary: string, description: string, ask: Ask): Route =>
    route({
      method: 'GET',
      path,
      summary,
      description,
      tags,
      auth: false,
      responses: { 200: answer, 503: answer },
      async handler() {
        const { statusCode, body } = await ask();
        return statusCode === 200 ? reply(200, body) : reply(503, body);
      },
    });

  return [
    probe('/livez', 'Is the process alive?', 'A container that fails is started again.', () => health.live()),
    probe('/readyz', 'May it have traffic?', '503 while it starts or stops, or without its database.', () =>
      health.ready(),
    ),
    probe('/startupz', 'Has it started?', '503 until every part has.', () => health.startup()),
    probe('/health', 'Everything, each dependency by name', 'With how long each check took.', () => health.report()),
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'Metrics in the text format of Prometheus',
      description: 'Requests, caches, health checks, logins, and the process. In OpenMetrics for who asks for that.',
      tags,
      auth: false,
      responses: { 200: { contentType: metrics.contentType } },
      async handler({ exchange }) {
        const { contentType, body } = await metrics.answer(exchange.header('accept'));
        return reply(200, body, { 'content-type': contentType, vary: 'accept' });
      },
    }),
  ];
}
