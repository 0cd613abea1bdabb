import { bytesPerRound } from '@ent/testkit';
import { describe, expect, it } from 'vitest';
import { createHealth, createLifecycle } from '../src/index.ts';

describe('what lives as long as the process', () => {
  it('keeps nothing of the probes that it has answered', async () => {
    const health = createHealth();
    health.phase = 'ready';
    let round = 0;
    health.register('passes', { check: () => {}, cacheFor: 0 });
    health.register('fails', { check: () => Promise.reject(new Error(`no ${round}`)), cacheFor: 0, critical: false });
    health.register('hangs', { check: () => new Promise(() => {}), cacheFor: 0, timeout: 1 });
    const bytes = await bytesPerRound(5000, async (n) => {
      round = n;
      await health.report();
      await health.ready();
    });
    expect(bytes).toBeLessThan(100);
  });

  it('keeps nothing of a part whose check was replaced', async () => {
    const health = createHealth();
    health.phase = 'ready';
    const bytes = await bytesPerRound(5000, async (n) => {
      health.register('part', { check: async () => n, cacheFor: '1d' });
      await health.ready();
    });
    expect(bytes).toBeLessThan(100);
  });

  it('leaves nothing behind once it has stopped', async () => {
    const bytes = await bytesPerRound(500, async () => {
      const app = createLifecycle()
        .add('first', { start: async () => {}, stop: async () => {}, check: () => {} })
        .add('second', { start: () => {}, stop: () => {} });
      await app.start();
      await app.health.report();
      await app.stop();
    });
    expect(bytes).toBeLessThan(500);
  });
});
