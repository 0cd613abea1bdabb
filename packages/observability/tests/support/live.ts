import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tracingChannel } from 'node:diagnostics_channel';
import { onTestFinished } from 'vitest';
import { createLive, type Live, type LiveOptions } from '../../src/live.ts';

/** What the numbers are, as far as the tests look at them. */
export interface Shown {
  readonly requests: { perSecond: number; errorRatio: number; p50: number | null; p99: number | null; active: number };
  readonly routes: { name: string; perSecond: number; errorRatio: number }[];
  readonly caches: { name: string; hitRatio: number }[];
  readonly queries: { name: string; errorRatio: number }[];
  readonly pools: object[];
  readonly published: { name: string }[];
  readonly handled: { name: string }[];
  readonly groups: object[];
  readonly traces: object[];
  readonly errors: { operation: string; code: string; message: string; count: number }[];
  readonly health?: object;
}

/** The page on a port of its own. */
export async function serveLive(
  options: Partial<LiveOptions> = {},
): Promise<{ live: Live; url: string; data: () => Promise<Shown> }> {
  const live = createLive({ service: 'shop', ...options });
  const server = createServer((req, res) => void live.handle(req, res));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    live.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { live, url, data: async () => (await (await fetch(`${url}data`)).json()) as Shown };
}

/** An operation of a package that took some time, as it is published. */
export function publish(name: string, payload: object, error?: unknown): void {
  const channel = tracingChannel<object, object>(name);
  channel.start.publish(payload);
  if (error !== undefined) channel.error.publish(Object.assign(payload, { error }));
  channel.asyncEnd.publish(payload);
}

/** A request that was served in this many milliseconds. */
export function request(route: string | undefined, durationMs = 1, more: object = {}): void {
  publish('ent:http:request', { method: 'GET', route, status: 200, durationMs, ...more });
}

/** What is read of a span. */
export function spanOf(traceId: string, traceFlags = 1): object {
  return { spanContext: () => ({ traceId, spanId: '1'.repeat(16), traceFlags }) };
}
