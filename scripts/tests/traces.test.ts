// One order through the gateway, the services and the broker, and back: one trace, as a Collector sends it on.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Programs } from '../demo/programs.ts';
import { startShop } from '../demo/shop.ts';
import { isMissing, startCollector, why } from './support/collector.ts';

/** As OTLP has it in JSON. */
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
}
interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}
interface ServiceSpan extends Span {
  readonly service: string;
}

const TRACE = 'a'.repeat(32);

describe('an order is one trace through gateway, services, broker and back', () => {
  it('by the exporter', () => orderIsOneTrace(async (_folder, url) => url), 240_000);
  it.skipIf(isMissing)(
    `by a real Collector with the settings of docker-compose.yml${why}`,
    () => orderIsOneTrace(async (folder, url) => (await startCollector(folder, url)).url),
    240_000,
  );
});

/** @param through gives the URL that the services send to, of what sends on to the URL that it gets */
async function orderIsOneTrace(through: (folder: string, url: string) => Promise<string>): Promise<void> {
  const spans: ServiceSpan[] = [];
  const receiver = createServer((req, res) => {
    void text(req).then((body) => {
      for (const { resource, scopeSpans } of (JSON.parse(body) as Exported).resourceSpans) {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) spans.push({ ...span, service });
      }
      res.setHeader('content-type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const folder = mkdtempSync(join(tmpdir(), 'ent-traces-'));
  const programs = new Programs(folder, () => {});
  onTestFinished(async () => {
    await programs.stop();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { port } = receiver.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const shared = { LIVE_PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: await through(folder, url) };
  const gateway = await startShop(programs, { shared });

  const send = async (path: string, body: object, headers: Record<string, string> = {}): Promise<Response> => {
    const response = await fetch(`${gateway}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    expect(response.ok).toBe(true);
    return response;
  };
  const who = { email: 'ada@example.com', password: 'a long passphrase' };
  await send('/api/v1/users/', { ...who, name: 'Ada' });
  const session = (await (await send('/api/v1/auth/login', who)).json()) as { access_token: string };
  await send(
    '/api/v1/orders/',
    { lines: [{ sku: 'book', quantity: 1 }], card: 'tok_good' },
    {
      authorization: `Bearer ${session.access_token}`,
      'idempotency-key': 'traced',
      traceparent: `00-${TRACE}-${'b'.repeat(16)}-01`,
    },
  );

  const ofOrder = (): ServiceSpan[] => spans.filter(({ traceId }) => traceId === TRACE);
  const isHandled = ({ name }: ServiceSpan): boolean => name === 'process payment.take';
  /** From a span to the one that the client sent. */
  const wayTo = (span: ServiceSpan | undefined): string[] =>
    span === undefined
      ? []
      : [...wayTo(ofOrder().find(({ spanId }) => spanId === span.parentSpanId)), `${span.service}: ${span.name}`];
  const way = (): string[] => wayTo(ofOrder().find(isHandled)).filter((step) => !step.includes(': transaction '));
  // Each process sends when it likes.
  const whole = [
    'gateway-service: POST /api/v1/orders',
    'gateway-service: POST',
    'order-service: POST /api/v1/orders/',
    'order-service: create stock.reserve',
    'order-service: process stock.reserve',
    'order-service: create order.step',
    'order-service: process order.step',
    'order-service: create payment.take',
    'order-service: process payment.take',
  ];
  await vi.waitFor(() => expect(way()).toEqual(whole), { timeout: 120_000, interval: 200 });
  // The provider is asked, and the database.
  const names = ofOrder().map(({ service, name }) => `${service}: ${name}`);
  expect(names).toEqual(expect.arrayContaining(['order-service: POST', 'order-service: insert orders']));

  const shownBy = async (name: string): Promise<unknown> => {
    const { traces } = (await (await fetch(`${programs.livePages.get(name)}/data`)).json()) as {
      traces: { name: string }[];
    };
    return traces.find((row) => row.name === TRACE);
  };
  expect(await shownBy('gateway')).toMatchObject({ first: 'POST /api/v1/orders', parts: 1 });
  await expect.poll(() => shownBy('order-service')).toMatchObject({ first: 'POST /api/v1/orders/', failed: 0 });
}
