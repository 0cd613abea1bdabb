import { describe, expect, it } from 'vitest';
import { createHealth, springHealth } from '../src/index.ts';

function ready(options: Parameters<typeof createHealth>[0] = {}) {
  const health = createHealth(options);
  health.phase = 'ready';
  return health;
}

describe('createHealth', () => {
  it('reports each check in the form of health+json', async () => {
    const health = ready({ serviceId: 'shop', version: '1.2.3', now: () => Date.UTC(2030, 0, 1), elapsed: () => 0 });
    health.register('database', { check: () => 'fine', type: 'datastore' });
    const report = await health.report();
    expect(report).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/health+json', 'cache-control': 'no-store' },
      body: {
        status: 'pass',
        serviceId: 'shop',
        version: '1.2.3',
        checks: {
          'database:responseTime': [
            {
              componentType: 'datastore',
              status: 'pass',
              observedValue: 0,
              observedUnit: 'ms',
              time: '2030-01-01T00:00:00.000Z',
            },
          ],
        },
      },
    });
  });

  it('fails when a critical check fails, and only warns for the others', async () => {
    const health = ready();
    health.register('mail', { check: () => Promise.reject(new Error('down')), critical: false });
    expect(await health.report()).toMatchObject({ statusCode: 200, body: { status: 'warn' } });
    expect(await health.ready()).toMatchObject({ statusCode: 200, body: { status: 'pass', checks: {} } });
    health.register('database', { check: () => Promise.reject(new Error('down')) });
    expect(await health.ready()).toMatchObject({ statusCode: 503, body: { status: 'fail' } });
  });

  it('tells the code of an error and never its message', async () => {
    const health = ready();
    health.register('database', {
      check: () => {
        throw new Error('password authentication failed for user "root" at 10.0.0.7');
      },
    });
    const report = await health.report();
    expect(report.body.checks?.['database:responseTime']?.[0]?.output).toBe('internal');
    expect(JSON.stringify(report)).not.toContain('10.0.0.7');
  });

  it('names a hung dependency within its timeout, and asks it only once while it hangs', async () => {
    let calls = 0;
    const stuck = Promise.withResolvers<void>();
    const health = ready();
    health.register('broker', {
      check: () => {
        calls++;
        return stuck.promise;
      },
      timeout: 10,
      cacheFor: 0,
    });
    for (let i = 0; i < 3; i++) {
      expect(await health.ready()).toMatchObject({
        statusCode: 503,
        body: { checks: { 'broker:responseTime': [{ status: 'fail', output: 'lifecycle.check_timeout' }] } },
      });
    }
    expect(calls).toBe(1);
    expect(health.live().statusCode).toBe(200);
    stuck.resolve();
    await stuck.promise;
    await expect.poll(async () => (await health.ready()).statusCode).toBe(200);
    expect(calls).toBeGreaterThan(1);
  });

  it('runs a check once for concurrent probes and reuses its outcome for the time it is told', async () => {
    let calls = 0;
    let time = 1_000_000;
    const health = ready({ elapsed: () => time });
    health.register('database', { check: async () => void calls++, cacheFor: '1s' });
    await Promise.all(Array.from({ length: 50 }, () => health.ready()));
    expect(calls).toBe(1);
    time += 999;
    await health.report();
    expect(calls).toBe(1);
    time += 1;
    await health.report();
    expect(calls).toBe(2);
  });

  it('keeps the name of the setting in the error for a wrong duration', () => {
    expect(() => createHealth().register('x', { check: () => {}, timeout: 0 })).toThrow(
      /timeout of the health check "x"/,
    );
  });
});

describe('springHealth', () => {
  const down = { check: () => Promise.reject(new Error('down')) };

  it('tells each check and the whole in the words of Spring Boot', async () => {
    const health = ready({ now: () => Date.UTC(2030, 0, 1), elapsed: () => 0 });
    health.register('database', { check: () => 'fine' });
    health.register('mail', { ...down, critical: false });
    const details = { durationMs: 0, time: '2030-01-01T00:00:00.000Z' };
    expect(springHealth(await health.report())).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/vnd.spring-boot.actuator.v3+json', 'cache-control': 'no-store' },
      body: {
        status: 'UP',
        components: {
          database: { status: 'UP', details },
          mail: { status: 'DOWN', details: { ...details, error: 'internal' } },
        },
      },
    });
    health.register('database', down);
    expect(springHealth(await health.ready())).toMatchObject({
      statusCode: 503,
      body: { status: 'DOWN', components: { database: { status: 'DOWN', details: { error: 'internal' } } } },
    });
  });

  it('refuses what is no report', () => {
    expect(() => springHealth({} as never)).toThrow(expect.objectContaining({ code: 'lifecycle.invalid_options' }));
  });

  it('is out of service while the process starts and stops', async () => {
    const health = createHealth();
    expect(springHealth(health.startup())).toMatchObject({ statusCode: 503, body: { status: 'OUT_OF_SERVICE' } });
    expect(springHealth(health.live()).body).toEqual({ status: 'UP' });
    health.phase = 'stopping';
    health.register('database', down);
    expect(springHealth(await health.report())).toMatchObject({
      statusCode: 503,
      body: { status: 'OUT_OF_SERVICE', components: { database: { status: 'DOWN' } } },
    });
  });
});
