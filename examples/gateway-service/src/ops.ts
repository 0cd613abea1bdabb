import { reply, type Route, route } from '@ent/http';
import type { Health, HealthReport } from '@ent/lifecycle';
import type { Metrics } from '@ent/observability/prometheus';
import type { Identities } from './identity.ts';

/** Probes, metrics, and the keys by which services check who calls. Keep them from the outside by the network. */
export function opsRoutes(health: Health, metrics: Metrics, identities: Identities): Route[] {
  const answer = { contentType: 'application/health+json' };
  const probe = (path: string, ask: () => HealthReport | Promise<HealthReport>): Route =>
    route({
      method: 'GET',
      path,
      auth: false,
      hidden: true,
      responses: { 200: answer, 503: answer },
      async handler() {
        const { statusCode, body } = await ask();
        const text = JSON.stringify(body);
        return statusCode === 200 ? reply(200, text) : reply(503, text);
      },
    });
  return [
    probe('/livez', () => health.live()),
    probe('/readyz', () => health.ready()),
    probe('/startupz', () => health.startup()),
    probe('/health', () => health.report()),
    route({
      method: 'GET',
      path: '/metrics',
      auth: false,
      hidden: true,
      responses: { 200: { contentType: metrics.contentType } },
      async handler({ exchange }) {
        const { contentType, body } = await metrics.answer(exchange.header('accept'));
        return reply(200, body, { 'content-type': contentType, vary: 'accept' });
      },
    }),
    route({
      method: 'GET',
      path: '/.well-known/jwks.json',
      auth: false,
      hidden: true,
      responses: { 200: { contentType: 'application/json' } },
      handler: () => reply(200, JSON.stringify(identities.jwks()), { 'cache-control': 'public, max-age=300' }),
    }),
  ];
}
