// Two gateways on one cache: what is limited is limited once for both.
import { describeWithServer } from '@ent/testkit/vitest';
import { expect, it } from 'vitest';
import { everythingTo, gateway, upstream } from './gateway.ts';

const LIMIT = 60;

describeWithServer('redis', (server) => {
  it('calls are limited over both', async () => {
    await using service = await upstream((_, res) => void res.end('served'));
    const env = { CACHE_URL: server.url, RATE_LIMIT_PER_MINUTE: String(LIMIT) };
    await using one = await gateway(everythingTo(service.url), env);
    await using two = await gateway(everythingTo(service.url), env);
    let sent = 0;
    for (; ; sent++) {
      const response = await fetch([one, two][sent % 2]!.url);
      await response.arrayBuffer();
      if (response.status !== 200) {
        expect(response.status).toBe(429);
        break;
      }
    }
    // Of two limits of their own neither would be met before twice as many.
    expect(sent).toBeGreaterThanOrEqual(LIMIT);
    expect(sent).toBeLessThan(2 * LIMIT);
  });
});
