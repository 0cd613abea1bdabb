import { reply, type Route, route } from '@ent/http';
import type { Health, HealthReport } from '@ent/lifecycle';
import type { Metrics } from '@ent/observability/prometheus';
import { z } from 'zod';

const Report = z.looseObject({ status: z.enum(['pass', 'warn', 'fail']) }).meta({ id: 'Health' });
const answer = { schema: Report, contentType: 'application/health+json' };
const about = { method: 'GET', tags: ['operations'], auth: false } as const;

/** Probes and metrics, for everyone: keep them from the outside by your proxy if that is too much. */
export function opsRoutes(health: Health, metrics: Metrics): Route[] {
  const probe = (path: string, summary: string, ask: () => HealthReport | Promise<HealthReport>): Route =>
    route({
      ...about,
      path,
      summary,
      description: 'In the format of draft-inadarei-api-health-check.',
      responses: { 200: answer, 503: answer },
      async handler() {
        const { statusCode, body } = await ask();
        return statusCode === 200 ? reply(200, { ...body }) : reply(503, { ...body });
      },
    });
  return [
    probe('/livez', 'Is the process alive?', () => health.live()),
    probe('/readyz', 'May it have traffic?', () => health.ready()),
    probe('/startupz', 'Has it started?', () => health.startup()),
    probe('/health', 'Everything, each dependency by name', () => health.report()),
    route({
      ...about,
      path: '/metrics',
      summary: 'Metrics in the text format of Prometheus',
      description: 'Requests, messages, the outbox, the database, and the process.',
      responses: { 200: { contentType: metrics.contentType } },
      async handler({ exchange }) {
        const { contentType, body } = await metrics.answer(exchange.header('accept'));
        return reply(200, body, { 'content-type': contentType, vary: 'accept' });
      },
    }),
  ];
}
